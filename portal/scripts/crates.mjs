// The crates that are linked into the gateway, by their licence: what crates.json says, and About shows. `npm run crates` writes
// it, `npm run licenses` fails when it is not true any more.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const FILE = new URL('../crates.json', import.meta.url);
const root = fileURLToPath(new URL('../..', import.meta.url));
const PROGRAM = 'spandrel';

/** One form of an SPDX expression that older crates write with a slash, and in any order. */
function expressionOf(license) {
  const choices = license.split(/\s*\/\s*| OR /);
  return license.includes('(') || license.includes(' AND ') ? license : choices.sort().join(' OR ');
}

/** From cargo's own resolution, for the platform of the releases: what the program links, without what only builds or tests it. */
export function cratesNow() {
  const args = ['metadata', '--format-version', '1', '--locked', '--offline', '--filter-platform', 'x86_64-unknown-linux-gnu'];
  const { packages, resolve } = JSON.parse(execFileSync('cargo', args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] }));
  const byId = new Map(packages.map((one) => [one.id, one]));
  const nodes = new Map(resolve.nodes.map((node) => [node.id, node]));
  const linked = new Set();
  const open = [packages.find(({ name, source }) => name === PROGRAM && source === null).id];
  while (open.length > 0) {
    const id = open.pop();
    if (linked.has(id)) continue;
    linked.add(id);
    for (const { pkg, dep_kinds: kinds } of nodes.get(id).deps) if (kinds.some(({ kind }) => kind === null)) open.push(pkg);
  }
  const byLicense = {};
  for (const id of linked) {
    const { name, version, license, source } = byId.get(id);
    if (source !== null) (byLicense[expressionOf(license ?? 'none')] ??= []).push(`${name} ${version}`);
  }
  for (const crates of Object.values(byLicense)) crates.sort();
  return Object.fromEntries(Object.entries(byLicense).sort((a, b) => b[1].length - a[1].length || (a[0] < b[0] ? -1 : 1)));
}

export const textOf = (crates) => `${JSON.stringify(crates, null, 1)}\n`;

if (process.argv[1] === fileURLToPath(import.meta.url)) writeFileSync(FILE, textOf(cratesNow()));
