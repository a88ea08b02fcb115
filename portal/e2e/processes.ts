// Programs of the test run: each says in a line of JSON where it is, and ends with the run, also when that is killed.
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** A process that ends with us. */
export function child(program: string, args: string[], env: Record<string, string> = {}): ChildProcess {
  return spawn('setpriv', ['--pdeathsig', 'TERM', program, ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
}

/** The lines that a process prints; keep it to be told more than the first. */
export function linesOf(process: ChildProcess): Interface {
  return createInterface({ input: process.stdout! });
}

export function nextLine(process: ChildProcess, lines: Interface, name: string): Promise<string> {
  return new Promise((done, fail) => {
    const ended = (code: number | null) => fail(new Error(`${name} ended with ${code}`));
    process.once('exit', ended);
    process.once('error', fail);
    lines.once('line', (line) => {
      process.off('exit', ended);
      process.off('error', fail);
      done(line);
    });
  });
}

/** `patient`: what has much to take away ends by its closed standard input, and is not asked otherwise. */
export async function end(process: ChildProcess | undefined, patient = false): Promise<void> {
  if (!process || process.exitCode !== null) return;
  const ended = new Promise((done) => process.once('exit', done));
  process.stdin?.end();
  if (!patient) process.kill('SIGTERM');
  await ended;
}
