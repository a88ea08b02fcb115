// What is shown when nothing of the application could be begun: the words themselves could not be loaded, so that these are
// here, in both languages.
const WORDS = {
  en: ['Spandrel could not be loaded', 'A file of the portal did not arrive. Is the gateway up, and was it perhaps just updated?', 'Load again'],
  'zh-CN': ['Spandrel 未能加载', '有一个文件未能取到。网关是否在运行，是否刚刚更新过？', '重新加载'],
} as const;

function element<K extends keyof HTMLElementTagNameMap>(name: K, className: string, text: string, lang: string): HTMLElementTagNameMap[K] {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  made.lang = lang;
  return made;
}

/** In the place of the application. */
export function showStartFailed(root: HTMLElement, error: unknown): void {
  console.error(error);
  const main = document.createElement('main');
  main.className = 'sp-start-failed';
  for (const [lang, [title, hint, act]] of Object.entries(WORDS)) {
    const button = element('button', 'sp-start-failed__button', act, lang);
    button.addEventListener('click', () => location.reload());
    main.append(element('h1', 'sp-start-failed__title', title, lang), element('p', '', hint, lang), button);
  }
  root.replaceChildren(main);
}
