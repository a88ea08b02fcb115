// The world of the browser tests: the real gateway as an operator runs it, the simulated vCenter and, for those that ask for
// it, a private KVM host. Everything is made for the test run and ends with it, also when it is killed.
import { execFile, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Lab } from './lab';
import { child, end, linesOf, nextLine } from './processes';

const root = resolve(import.meta.dirname, '../..');
const gatewayProgram = process.env.SPANDREL_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(root, 'target'), 'debug', 'spandrel');
const simulatorProgram = process.env.SPANDREL_SIMULATOR ?? join(root, '.local', 'bin', 'simulator');
const govcProgram = process.env.SPANDREL_GOVC ?? join(root, '.local', 'bin', 'govc');
const run = promisify(execFile);
export const PASSWORD = 'a password for tests';
const READY_MS = 60_000;

interface Report {
  url: string;
  control: string;
  username: string;
  password: string;
  thumbprint_sha256: string;
}

interface Item {
  id: string;
  name: string;
  [field: string]: unknown;
}

/** The simulated vCenter, and its control address. */
export class Simulator {
  private constructor(private readonly process: ChildProcess, readonly report: Report) {}

  static async start(args: string[]): Promise<Simulator> {
    const process = child(simulatorProgram, ['serve', '--exit-with-stdin', '--seed', '1', ...args]);
    return new Simulator(process, JSON.parse(await nextLine(process, linesOf(process), 'the simulator')) as Report);
  }

  /** One request of the control API; its change is done when this is. */
  async act(path: string, body: object = {}): Promise<unknown> {
    const answer = await fetch(this.report.control + path, { method: 'POST', body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer.json().catch(() => undefined);
  }

  /** What an administrator does there with an independent program. */
  async govc(...args: string[]): Promise<string> {
    const { url, username, password } = this.report;
    const env = { ...process.env, GOVC_URL: url, GOVC_USERNAME: username, GOVC_PASSWORD: password, GOVC_INSECURE: '1', GOVC_PERSIST_SESSION: 'false' };
    return (await run(govcProgram, args, { env })).stdout;
  }

  stop(): Promise<void> {
    return end(this.process);
  }
}

export class World {
  private process: ChildProcess | undefined;
  private token = '';
  private kept: { name: string; value: string } | undefined;
  private readonly labs: Lab[] = [];
  private readonly folder = mkdtempSync(join(tmpdir(), 'spandrel-portal-'));
  url = '';
  /** The administrator's first password: given to the gateway, or the one that it made and has shown. */
  password = PASSWORD;
  simulator!: Simulator;

  static async start(simulator = ['--scenario', 'lifelike', '--vms', '120'], given = true): Promise<World> {
    const world = new World();
    world.simulator = await Simulator.start(simulator);
    await world.startGateway(given);
    return world;
  }

  async startGateway(given = true): Promise<void> {
    const listen = this.url ? new URL(this.url).host : '127.0.0.1:0';
    this.process = child(gatewayProgram, ['serve', '--data-directory', join(this.folder, 'data'), '--listen', listen], {
      ...(given && { SPANDREL_ADMIN_PASSWORD: PASSWORD }),
      RUST_LOG: 'warn',
      NO_COLOR: '1',
    });
    const lines = linesOf(this.process);
    let said = '';
    lines.on('line', (line) => (said += `${line}\n`));
    await nextLine(this.process, lines, 'the gateway');
    const find = (pattern: RegExp) => pattern.exec(said)?.[1];
    await this.until('the gateway says where it listens', async () => find(/(https?:\/\/[\d.:]+)/) !== undefined);
    this.url = find(/(https?:\/\/[\d.:]+)/)!;
    this.password = find(/shown this once: (\S+)/) ?? this.password;
    this.process.stdout?.resume();
    await this.signIn();
  }

  /** A session of the test's own calls. */
  async signIn(password = this.password): Promise<void> {
    this.token = '';
    const { token } = (await this.call('POST', '/v1/login', { username: 'admin', password })) as { token: string };
    this.token = token;
  }

  stopGateway(): Promise<void> {
    return end(this.process);
  }

  /** Adds the simulated vCenter, and waits until all of it is there. */
  async addVcenter(name = 'vc-lab', patienceMs = READY_MS): Promise<void> {
    const { url, username, password, thumbprint_sha256 } = this.simulator.report;
    await this.call('POST', '/v1/providers', {
      name, kind: 'vsphere', endpoints: [url], username, password, trust: { thumbprint_sha256 },
    });
    await this.untilLive(patienceMs);
  }

  /** Starts a private KVM host, adds it, and waits until all of it is there. */
  async addKvm(name = 'kvm-lab'): Promise<Lab> {
    const lab = await Lab.start(2);
    this.labs.push(lab);
    await this.call('POST', '/v1/providers', { name, kind: 'kvm', endpoints: [lab.report.uri] });
    await this.untilLive();
    return lab;
  }

  /** The KVM host is gone, with everything that is known of it. */
  async removeKvm(name = 'kvm-lab'): Promise<void> {
    const [provider] = (await this.list('/v1/providers')).filter((one) => one.name === name);
    if (provider) await this.call('DELETE', `/v1/providers/${provider.id}`);
    await this.until(`${name} is removed`, async () => (await this.list('/v1/providers')).every((one) => one.name !== name));
    await Promise.all(this.labs.splice(0).map((lab) => lab.stop()));
  }

  async untilLive(patienceMs = READY_MS): Promise<void> {
    await this.until('every platform is live', async () => {
      const { items } = (await this.call('GET', '/v1/providers')) as { items: { sources: { sync: { state: string } }[] }[] };
      return items.every((provider) => provider.sources.every((source) => source.sync.state === 'live'));
    }, patienceMs);
  }

  async call(method: string, path: string, body?: object): Promise<unknown> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { 'content-type': 'application/json', ...(this.token ? { authorization: `Bearer ${this.token}` } : {}) },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** The cookie of a browser that has signed in; another one when a test has ended its session. */
  async cookie(): Promise<{ name: string; value: string }> {
    const of = (cookie: { name: string; value: string }) => ({ cookie: `${cookie.name}=${cookie.value}` });
    if (this.kept && (await fetch(`${this.url}/v1/session`, { headers: of(this.kept) })).ok) return this.kept;
    const answer = await fetch(`${this.url}/v1/login/cookie`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-spandrel-portal': '1', origin: this.url },
      body: JSON.stringify({ username: 'admin', password: this.password }),
    });
    const [, name, value] = /^([^=]+)=([^;]+)/.exec(answer.headers.get('set-cookie') ?? '') ?? [];
    if (!answer.ok || !name || !value) throw new Error(`no session begins: ${answer.status} ${await answer.text()}`);
    this.kept = { name, value };
    return this.kept;
  }

  /** Where a machine stands in the tree by hosts: the names from its zone down to itself. */
  async treePath(vm: Item): Promise<{ name: string; level: number }[]> {
    const of = async (path: string, id: unknown) => (id ? [((await this.call('GET', `/v1/${path}/${String(id)}`)) as Item).name] : []);
    const [zone, cluster, host] = await Promise.all([of('zones', vm.zone_id), of('clusters', vm.cluster_id), of('hosts', vm.host_id)]);
    // A host that is a cluster by itself is shown once.
    const hosts = cluster[0] === host[0] ? host : [...cluster, ...host];
    return [...zone, ...hosts, vm.name].map((name, index) => ({ name, level: index + 2 }));
  }

  async list(path: string): Promise<Item[]> {
    return ((await this.call('GET', path)) as { items: Item[] }).items;
  }

  async until(what: string, holds: () => Promise<boolean>, patienceMs = READY_MS): Promise<void> {
    const deadline = Date.now() + patienceMs;
    while (!(await holds())) {
      if (Date.now() > deadline) throw new Error(`it did not happen: ${what}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  async stop(): Promise<void> {
    await end(this.process);
    await Promise.all([this.simulator.stop(), ...this.labs.map((lab) => lab.stop())]);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
