// The gateway speaks English where it explains a platform. A language that has those sentences says them in its own words.

/** The gateway's sentence, and it in another language. Of a fault the gateway's own words are shown besides: they say more. */
export type Sentence = readonly [pattern: RegExp, said: string, options?: { readonly fault: true }];

export interface Said {
  text: string;
  /** Whether the gateway's own words say more than this. */
  more: boolean;
}

/** The message in another language; nothing when there is no sentence for it. Of several addresses each begins with its own. */
export function sayWith(sentences: readonly Sentence[], message: string): Said | undefined {
  const [, address = '', rest = message] = /^((?:https|qemu|test)[^ ]*: )([^]*)$/.exec(message) ?? [];
  for (const [pattern, said, options] of sentences) {
    const found = pattern.exec(rest);
    if (!found) continue;
    const text = said.replace(/\$(\d)/g, (_, at: string) => found[Number(at)] ?? '');
    return { text: options ? text : address + text, more: options !== undefined };
  }
  return undefined;
}
