// Every package of the lock file has a permissive licence. What is only used to build counts too: it is asked for once. And the
// list of the gateway's crates that About shows is true (whether their licences are allowed is cargo's side: deny.toml).
import { readFileSync } from 'node:fs';
import { cratesNow, FILE, textOf } from './crates.mjs';

const ALLOWED = new Set([
  '0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'CC0-1.0', 'ISC', 'MIT', 'MIT-0', 'OFL-1.1', 'Python-2.0', 'Unlicense', 'Zlib',
]);
// Not part of what is built: a weak copyleft or an attribution licence of a tool does not reach the product.
const TOOLS = new Map([
  ['axe-core', 'MPL-2.0'], ['@axe-core/playwright', 'MPL-2.0'], ['lightningcss', 'MPL-2.0'], ['caniuse-lite', 'CC-BY-4.0'],
]);

const lock = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8'));

/** Whether an SPDX expression lets a permissive one be chosen. */
function permissive(expression) {
  return expression
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((choice) => choice.split(' AND ').every((one) => ALLOWED.has(one.trim())));
}

const faults = [];
let count = 0;
for (const [path, entry] of Object.entries(lock.packages)) {
  if (path === '' || entry.link) continue;
  count += 1;
  const name = path.split('node_modules/').pop();
  const license = entry.license ?? 'none';
  const tool = entry.dev && [...TOOLS].some(([prefix, allowed]) => (name === prefix || name.startsWith(`${prefix}-`)) && allowed === license);
  if (!permissive(license) && !tool) faults.push(`${name} ${entry.version}: ${license}${entry.dev ? '' : ' (part of the product)'}`);
  if (!entry.integrity) faults.push(`${name} ${entry.version}: no hash in the lock file`);
}
if (readFileSync(FILE, 'utf8') !== textOf(cratesNow())) faults.push('crates.json is not what the gateway links: npm run crates');
if (count === 0) faults.push('the lock file names no package');
if (faults.length > 0) {
  console.error(faults.join('\n'));
  process.exit(1);
}
console.log(`${count} packages, all of them with a permissive licence`);
