import { describe, expect, it } from 'vitest';
import { en } from './en';
import { firstLanguage } from './index';
import { zh } from './zh';

type Tree = { readonly [key: string]: string | Tree };

function texts(tree: Tree, prefix = ''): [string, string][] {
  return Object.entries(tree).flatMap(([key, value]): [string, string][] =>
    typeof value === 'string' ? [[prefix + key, value]] : texts(value, `${prefix}${key}.`),
  );
}

const placeholders = (text: string) => (text.match(/\{\{\s*\w+|<\/?\d>/g) ?? []).map((one) => one.replace(/[{\s]/g, '')).sort();

describe('the languages', () => {
  const english = new Map(texts(en as unknown as Tree));
  const chinese = new Map(texts(zh as unknown as Tree));

  it('have the same keys', () => {
    expect([...chinese.keys()].sort()).toEqual([...english.keys()].sort());
  });

  it('fill in the same things', () => {
    for (const [key, text] of english) expect(placeholders(chinese.get(key) ?? ''), key).toEqual(placeholders(text));
  });

  it('leave nothing empty', () => {
    for (const [key, text] of [...english, ...chinese]) expect(text.trim(), key).not.toBe('');
  });

  it('speak Chinese in Chinese', () => {
    // What is a name or a unit is the same in both.
    const same = [...chinese].filter(([key, text]) => text === english.get(key) && /[a-z]{4,}/.test(text)).map(([, text]) => text);
    expect(same.filter((text) => !['Spandrel', 'vhost-user', 'vSphere', 'VMware'].includes(text))).toEqual([]);
  });

  it('are chosen by what the browser asks for', () => {
    expect(firstLanguage(['zh-TW', 'en'])).toBe('zh-CN');
    expect(firstLanguage(['de', 'en-GB', 'zh'])).toBe('en');
    expect(firstLanguage(['fr'])).toBe('en');
  });
});
