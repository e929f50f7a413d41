/**
 * Runs a program of commands. Exit 0 when done, 2 with one line for bad input, 130 after Ctrl-C, 1 with a stack for a bug.
 */
import { type Command, CommanderError } from 'commander';
import { UserError } from '../gpu/errors.ts';
import { Interrupted } from './interrupt.ts';

/** Parses the command line and runs the command that it names. Commands must be registered with `program.command`. */
export async function runProgram(program: Command): Promise<void> {
  const name = program.name();
  // A reader that has enough, as `head` has, ends neither a training run nor the program with a stack.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return;
    console.error(`${name}: stdout: cannot be written (${error.message}); send it elsewhere`);
    process.exitCode = 2;
  });
  process.stderr.on('error', () => {});
  for (const command of [program, ...program.commands])
    command.configureOutput({ outputError: (text, write) => write(oneLine(name, text)) }).exitOverride();
  try {
    await program.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else if (error instanceof Interrupted) process.exitCode = 130;
    else if (error instanceof UserError) {
      console.error(`${name}: ${error.message}`);
      process.exitCode = 2;
    } else {
      console.error(error);
      process.exitCode = 1;
    }
  }
}

/** Commander's message in the manner of this library's: one line that says where to look. */
function oneLine(name: string, text: string): string {
  const message = text
    .replace(/^error: /, '')
    .replace(/ argument '(.*)' is invalid\. /, " is '$1': ")
    .trim()
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return `${name}: ${message}; add --help for what there is\n`;
}
