// The languages: chosen by the reader, else by the browser; loaded when they are used.
import i18n from 'i18next';
import { initReactI18next } from 'react-i18next';
import { sayWith, type Said, type Sentence } from './sentences';
import type { Translation } from './types';

export const languages = { en: 'English', 'zh-CN': '简体中文' } as const;
export type Language = keyof typeof languages;

const STORED = 'spandrel.language';

interface Loaded {
  texts: Translation;
  /** The gateway's sentences in this language; English has none, since it is theirs. */
  sentences: readonly Sentence[];
}

const load: Record<Language, () => Promise<Loaded>> = {
  en: async () => ({ texts: (await import('./en')).en, sentences: [] }),
  'zh-CN': async () => {
    const [{ zh }, { gateway }] = await Promise.all([import('./zh'), import('./zh.gateway')]);
    return { texts: zh, sentences: gateway };
  },
};

const sentences = new Map<string, readonly Sentence[]>();

async function textsOf(language: Language): Promise<Translation> {
  const loaded = await load[language]();
  sentences.set(language, loaded.sentences);
  return loaded.texts;
}

/** A sentence of the gateway in the language of now; nothing where that has none. */
export function inOwnWords(message: string): Said | undefined {
  return sayWith(sentences.get(i18n.language) ?? [], message);
}

function remembered(): Language | undefined {
  try {
    const stored = localStorage.getItem(STORED);
    return stored && stored in languages ? (stored as Language) : undefined;
  } catch {
    return undefined;
  }
}

/** The language to begin with. */
export function firstLanguage(wanted: readonly string[] = navigator.languages): Language {
  const kept = remembered();
  if (kept) return kept;
  for (const tag of wanted) {
    if (/^zh\b/i.test(tag)) return 'zh-CN';
    if (/^en\b/i.test(tag)) return 'en';
  }
  return 'en';
}

async function ensure(language: Language): Promise<void> {
  if (!i18n.hasResourceBundle(language, 'translation')) i18n.addResourceBundle(language, 'translation', await textsOf(language));
}

export async function startLanguages(language = firstLanguage()): Promise<void> {
  await i18n.use(initReactI18next).init({
    lng: language,
    fallbackLng: false,
    resources: { [language]: { translation: await textsOf(language) } },
    // React escapes by itself.
    interpolation: { escapeValue: false },
    returnNull: false,
    showSupportNotice: false,
  });
  document.documentElement.lang = language;
}

export async function chooseLanguage(language: Language): Promise<void> {
  await ensure(language);
  await i18n.changeLanguage(language);
  document.documentElement.lang = language;
  try {
    localStorage.setItem(STORED, language);
  } catch {
    // Then it holds for this tab.
  }
}
