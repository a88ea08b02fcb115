import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { en } from './en';

// A text that goes over lines is one line to who reads it.
const source = (file: string) => readFileSync(join(import.meta.dirname, '../../..', file), 'utf8').replace(/\n\s*(?:\/\/\/ )?/g, ' ');

it('says of each permission what the gateway says', () => {
  const gateway = source('src/model/access.rs');
  for (const [noun, verbs] of Object.entries(en.access.permissions)) {
    for (const [verb, text] of Object.entries(verbs)) {
      const word = `"${noun}.${verb}"`;
      // What it is about to have it may not have yet.
      if (gateway.includes(word)) expect(gateway, word).toContain(`${text} `);
    }
  }
});

it('says of each role that is built in what the gateway says, and knows them all', () => {
  const gateway = source('src/authz/roles.rs');
  for (const [name, { what }] of Object.entries(en.access.roles.builtIn)) expect(gateway, name).toContain(`"${what}"`);
  const names = [...gateway.matchAll(/\(\s*\d+, "(\w+)"/g)].map(([, name]) => name);
  expect(Object.keys(en.access.roles.builtIn).sort()).toEqual(names.sort());
});
