// A private KVM host with real guests (tests/lab), and `virsh` as who changes it from outside.
import { execFile, type ChildProcess } from 'node:child_process';
import { resolve } from 'node:path';
import type { Interface } from 'node:readline';
import { promisify } from 'node:util';
import { child, end, linesOf, nextLine } from './processes';

const program = resolve(import.meta.dirname, '../../tests/lab/kvm.py');
const run = promisify(execFile);

interface Report {
  uri: string;
  guests: { name: string; uuid: string }[];
  network: string | null;
  left_out: string[];
}

export class Lab {
  private constructor(private readonly process: ChildProcess, private readonly lines: Interface, readonly report: Report) {}

  /** Starts one; its first guest runs, the others are defined. */
  static async start(guests: number): Promise<Lab> {
    const name = `spandrel-portal-${process.pid}`;
    const lab = child('python3', [program, 'up', '--name', name, '--guests', String(guests), '--no-start', '--exit-with-stdin']);
    const lines = linesOf(lab);
    const report = JSON.parse(await nextLine(lab, lines, 'the KVM host')) as Report;
    const started = new Lab(lab, lines, report);
    // One is enough to be turned off, and each that boots takes a core from everybody for a while.
    await started.virsh('start', report.guests[0]!.name);
    return started;
  }

  /** What an administrator does on the host. */
  async virsh(...args: string[]): Promise<string> {
    return (await run('virsh', ['-q', '-c', this.report.uri, ...args])).stdout;
  }

  /** The daemon ends or begins; guests go on. */
  async libvirtd(act: 'stop' | 'start'): Promise<void> {
    const answer = nextLine(this.process, this.lines, 'the KVM host');
    this.process.stdin!.write(`libvirtd ${act}\n`);
    const { ok, error } = JSON.parse(await answer) as { ok: boolean; error?: string };
    if (!ok) throw new Error(`libvirtd ${act}: ${error}`);
  }

  stop(): Promise<void> {
    return end(this.process, true);
  }
}
