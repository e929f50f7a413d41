/** What commands print: results on stdout (tables, or one JSON object a line with --json), progress and notes on stderr. */
import { Presets, SingleBar } from 'cli-progress';

export interface Output {
  readonly json: boolean;
  /** One result: a line of JSON, or the text. */
  result(value: object, text: string): void;
  /** A remark on stderr. */
  note(text: string): void;
  /** A progress bar on stderr; none where stderr is no terminal. */
  progress(what: string, total: number): Progress;
}

export interface Progress {
  update(done: number, remark?: string): void;
  stop(): void;
}

export function commandOutput(json: boolean): Output {
  return {
    json,
    result: (value, text) => console.log(json ? JSON.stringify(value) : text),
    note: (text) => console.error(text),
    progress: (what, total) => progressBar(what, total),
  };
}

/** Seconds between the lines that stand in for a bar where stderr is no terminal. */
const LINE_EVERY_S = 15;

function progressBar(what: string, total: number): Progress {
  if (!process.stderr.isTTY) {
    const start = performance.now();
    let last = start;
    return {
      update(done, remark = '') {
        const now = performance.now();
        if (done < total && now - last < LINE_EVERY_S * 1000) return;
        last = now;
        const rate = done / ((now - start) / 1000);
        console.error(
          `${what} ${done}/${total}  ${rate.toPrecision(3)}/s  ${seconds((total - done) / rate)} left  ${remark}`.trimEnd(),
        );
      },
      stop() {},
    };
  }
  const start = performance.now();
  const bar = new SingleBar(
    {
      stream: process.stderr,
      format: `${what} {bar} {value}/{total}  {rate}/s  {left} left  {remark}`,
      hideCursor: true,
      fps: 5,
      linewrap: false,
    },
    Presets.shades_classic,
  );
  bar.start(total, 0, { rate: '–', left: '–', remark: '' });
  return {
    update(done, remark = '') {
      const rate = done / ((performance.now() - start) / 1000);
      bar.update(done, { rate: rate.toPrecision(3), left: seconds((total - done) / rate), remark });
    },
    stop: () => bar.stop(),
  };
}

function seconds(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const whole = Math.round(value);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** Rows as aligned columns; numbers to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const texts = rows.map((row) => row.map(String));
  const widths = (texts[0] ?? []).map((_, column) =>
    Math.max(...texts.map((row) => row[column]?.length ?? 0)),
  );
  return texts
    .map((row) =>
      row
        .map((text, column) =>
          column === 0 ? text.padEnd(widths[column] ?? 0) : text.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
