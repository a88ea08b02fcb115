// Makes src/api/gen/ from the checked-in docs/openapi.json: the types of the client, and what each noun's fields are. From the
// lock file: which packages the portal is made of, and the texts of their licences.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import openapiTS, { astToString } from 'openapi-typescript';

const source = new URL('../../docs/openapi.json', import.meta.url);
const target = new URL('../src/api/gen/', import.meta.url);
const document = JSON.parse(readFileSync(source, 'utf8'));
const schemas = document.components.schemas;
const parameters = document.components.parameters;

/** The members of a schema, through `$ref` and `allOf`. */
function properties(schema) {
  if (schema.$ref) return properties(schemas[schema.$ref.split('/').pop()]);
  const parts = (schema.allOf ?? []).map(properties);
  return Object.assign({}, ...parts, schema.properties ?? {});
}

/** A member's schema without `null`, the item's for a list. */
function core(schema) {
  if (!schema) return { schema: {}, list: false };
  const alternatives = (schema.oneOf ?? []).filter((one) => one.type !== 'null');
  if (alternatives.length === 1) return core(alternatives[0]);
  if (schema.type === 'array' || schema.type?.includes?.('array')) return { ...core(schema.items), list: true };
  if (schema.$ref) {
    const name = schema.$ref.split('/').pop();
    return { schema: schemas[name], name, list: false };
  }
  return { schema, list: false };
}

const snake = (name) => name.replace(/(?<!^)([A-Z])/g, '_$1').toLowerCase();

function fieldOf(name, operators, parameter, greater, member) {
  const { schema, name: typeName, list } = core(member);
  const field = { name, type: 'text' };
  if (greater) field.type = greater.schema.format === 'date-time' ? 'time' : 'integer';
  else if (parameter.schema.type === 'boolean') field.type = 'boolean';
  else if (operators.has('contains')) field.type = 'text';
  else if (schema.enum) Object.assign(field, { type: 'word', words: schema.enum });
  else field.type = 'id';
  if (field.type === 'id') {
    // What has no schema of its own: common fields, and lists of pairs of which one half is the id.
    const known = { id: undefined, provider_id: 'provider', source_id: 'source', vm_id: 'vm', hosts: 'host', tenant_id: 'tenant', project_id: 'project' };
    const kind = name in known ? known[name] : snake((typeName ?? '').replace(/Id$/, ''));
    if (kind && kind !== 'object') field.kind = kind;
  }
  if (list) field.list = true;
  return field;
}

const kinds = {};
for (const key of Object.keys(parameters)) {
  const [kind, field, operator] = key.split('.');
  if (!field) continue;
  kinds[kind] ??= new Map();
  const operators = kinds[kind].get(field) ?? new Set();
  if (operator) operators.add(operator);
  kinds[kind].set(field, operators);
}

const kindSchemas = Object.fromEntries(
  Object.keys(kinds).map((kind) => [kind, kind.replace(/(?:^|_)([a-z])/g, (_, letter) => letter.toUpperCase())]),
);
const paths = Object.fromEntries(
  Object.entries(document.paths)
    .filter(([path, item]) => /^\/v1\/[a-z-]+\/count$/.test(path) && item.get)
    .map(([path, item]) => [item.get.operationId.replace(/_count$/, ''), path.split('/')[2]]),
);

const fields = {};
for (const [kind, named] of Object.entries(kinds)) {
  const members = properties(schemas[`${kindSchemas[kind]}Object`]);
  fields[kind] = [...named].map(([name, operators]) =>
    fieldOf(name, operators, parameters[`${kind}.${name}`], parameters[`${kind}.${name}.gt`], members[name]),
  );
}

// What is shown but cannot be filtered or sorted by.
const UNSHOWN = new Set(['native', 'kind', 'revision', 'attachments']);
function plainField(name, member) {
  const { schema, list } = core(member);
  const types = [schema.type ?? 'string'].flat();
  const type = types.includes('boolean') ? 'boolean' : types.includes('integer') ? 'integer' : 'text';
  return { name, type, ...(list ? { list } : {}), filter: false };
}
for (const [kind, list] of Object.entries(fields)) {
  const known = new Set(list.map((field) => field.name));
  for (const [name, member] of Object.entries(properties(schemas[`${kindSchemas[kind]}Object`]))) {
    if (!known.has(name) && !UNSHOWN.has(name) && !name.startsWith('last_known_')) list.push(plainField(name, member));
  }
}

const all = Object.values(fields).flat();
const union = (words) => [...new Set(words)].sort().map((word) => JSON.stringify(word)).join(' | ');
const enums = ['SourceState', 'SyncReason', 'ProviderKind', 'NetworkTechnology'].flatMap((name) => schemas[name]?.enum ?? []);

const text = `// Made from docs/openapi.json by scripts/generate.mjs.
import type { components } from './schema';

/** The nouns of the inventory and their objects. */
export interface Objects {
${Object.keys(fields).map((kind) => `  ${kind}: components['schemas']['${kindSchemas[kind]}Object'];`).join('\n')}
}
export type Kind = keyof Objects;

export type FieldType = 'text' | 'word' | 'integer' | 'boolean' | 'id' | 'time';

/** The names of all fields of all nouns: each has a label in each language. */
export type FieldName = ${union(all.map((field) => field.name))};

/** The words of all closed sets: each has a label in each language. */
export type Word = ${union([...all.flatMap((field) => field.words ?? []), ...enums])};

/** A field that can be filtered and sorted by. */
export interface Field {
  readonly name: FieldName;
  readonly type: FieldType;
  /** The words that it can be. */
  readonly words?: readonly Word[];
  /** What an id points to. */
  readonly kind?: string;
  /** Whether it holds several values. */
  readonly list?: boolean;
  /** False when it can only be shown. */
  readonly filter?: false;
}

/** The collection of each noun under /v1. */
export const paths = ${JSON.stringify(Object.fromEntries(Object.keys(fields).map((kind) => [kind, paths[kind]])), null, 2)} as const;

export const fields: Readonly<Record<Kind, readonly Field[]>> = {
${Object.entries(fields)
  .map(([kind, list]) => `  ${kind}: [\n${list.map((field) => `    ${JSON.stringify(field)},`).join('\n')}\n  ],`)
  .join('\n')}
};

/** Every kind of problem, by the last part of its \`type\`. */
export const problemSlugs = ${JSON.stringify(schemas.Problem.properties.type.enum.map((uri) => uri.split('/').pop()))} as const;
`;

mkdirSync(target, { recursive: true });
writeFileSync(new URL('fields.ts', target), text);
writeFileSync(new URL('schema.ts', target), astToString(await openapiTS(new URL(source), { alphabetize: false })));

const root = new URL('../', import.meta.url);
const lock = JSON.parse(readFileSync(new URL('package-lock.json', root), 'utf8'));
const parts = Object.entries(lock.packages)
  .filter(([path, entry]) => path !== '' && !entry.dev && !entry.link && !entry.optional)
  .map(([path, entry]) => ({ path, name: path.split('node_modules/').pop(), version: entry.version, license: entry.license }))
  .sort((a, b) => (a.name < b.name ? -1 : 1));

/** The text of a package's licence: those licences ask that it goes with the program. */
function licenseText({ path, license }) {
  const folder = new URL(`${path}/`, root);
  const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
  return file ? readFileSync(new URL(file, folder), 'utf8').trim() : `Licence: ${license}`;
}

writeFileSync(
  new URL('packages.ts', target),
  `// Made by scripts/generate.mjs.
export const packages: readonly { name: string; version: string; license: string }[] = ${JSON.stringify(parts.map(({ name, version, license }) => ({ name, version, license })), null, 2)};
`,
);
writeFileSync(new URL('licenses.txt', target), parts.map((part) => `${part.name} ${part.version}\n\n${licenseText(part)}\n`).join(`\n${'-'.repeat(78)}\n\n`));
