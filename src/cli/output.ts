/** What commands print: results on stdout (tables, or one JSON object a line with --json), progress and notes on stderr. */
import { Presets, SingleBar } from 'cli-progress';

export interface Output {
  /** A result as a line of JSON; nothing without --json. */
  record(value: object): void;
  /** Results for people; nothing with --json. */
  text(text: string): void;
  /** A remark on stderr. */
  note(text: string): void;
  /**
   * A progress bar on stderr, and lines now and then where stderr is no terminal.
   * @param from what had been done before, which does not count for the rate.
   */
  progress(what: string, total: number, from?: number): Progress;
}

export interface Progress {
  update(done: number, remark?: string): void;
  stop(): void;
}

export function commandOutput(json: boolean): Output {
  return {
    record: (value) => void (json && console.log(JSON.stringify(value))),
    text: (text) => void (json || console.log(text)),
    note: (text) => console.error(text),
    progress: (what, total, from = 0) =>
      process.stderr.isTTY ? progressBar(what, total, from) : progressLines(what, total, from),
  };
}

/** Seconds between the lines that stand in for a bar. */
const LINE_EVERY_S = 15;

function progressLines(what: string, total: number, from: number): Progress {
  const pace = paceFrom(from, total);
  let printedAt = performance.now();
  let last = { done: from, remark: '' };
  let printed = last;
  const print = (): void => {
    printedAt = performance.now();
    printed = last;
    const { rate, left } = pace(last.done);
    console.error(`${what} ${last.done}/${total}  ${rate}/s  ${left} left  ${last.remark}`.trimEnd());
  };
  return {
    update(done, remark = last.remark) {
      last = { done, remark };
      if (performance.now() - printedAt >= LINE_EVERY_S * 1000) print();
    },
    stop() {
      if (last !== printed) print();
    },
  };
}

function progressBar(what: string, total: number, from: number): Progress {
  const pace = paceFrom(from, total);
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: `${what} {bar} {value}/{total}  {rate}/s  {left} left  {remark}`,
      hideCursor: true,
      fps: 5,
      linewrap: false,
      gracefulExit: false, // Ctrl-C is the command's
    },
    Presets.shades_classic,
  );
  bar.start(total, from, { rate: '–', left: '–', remark: '' });
  return {
    update: (done, remark) =>
      bar.update(done, { ...pace(done), ...(remark === undefined ? {} : { remark }) }),
    stop: () => bar.stop(),
  };
}

/** Rate and time left by what has been done since now. */
function paceFrom(from: number, total: number): (done: number) => { rate: string; left: string } {
  const start = performance.now();
  return (done) => {
    const rate = (done - from) / ((performance.now() - start) / 1000);
    return { rate: rate.toPrecision(3), left: seconds((total - done) / rate) };
  };
}

/** A time as people say it. */
export function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const whole = Math.round(value);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Rows as aligned columns, the first row a header or not; columns of numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const columns = (texts[0] ?? []).map((_, column) => {
    const cells = texts.map((row) => row[column] ?? '');
    return {
      width: Math.max(...cells.map((cell) => cell.length)),
      numeric: column > 0 && cells.slice(1).every((cell) => /^[-−–]?\d|^–$/.test(cell)),
    };
  });
  return texts
    .map((row) =>
      row
        .map((text, column) => {
          const { width = 0, numeric = false } = columns[column] ?? {};
          return numeric ? text.padStart(width) : text.padEnd(width);
        })
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
