import js from '@eslint/js';
import hooks from 'eslint-plugin-react-hooks';
import globals from './eslint.globals.js';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', 'src/api/gen', 'test-results', 'node_modules'] },
  js.configs.recommended,
  ...tseslint.configs.recommended,
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      // One component per thing, and no page that nobody reads to its end.
      'max-lines': ['error', { max: 300, skipBlankLines: true, skipComments: true }],
      'no-restricted-globals': ['error', { name: 'confirm', message: 'Use ConfirmByName.' }, { name: 'alert', message: 'Use a toast.' }],
      'no-restricted-syntax': [
        'error',
        { selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']", message: 'Text is text.' },
        { selector: "JSXText[value=/[A-Za-z]{3}/]", message: 'Words for people are in src/i18n.' },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      eqeqeq: 'error',
    },
  },
  { files: ['**/*.test.{ts,tsx}', 'src/i18n/*.ts'], rules: { 'max-lines': 'off' } },
  // Playwright's fixtures are functions with an empty pattern.
  { files: ['e2e/**', 'bench/**'], rules: { 'no-empty-pattern': 'off' } },
  { files: ['scripts/**', '*.js', 'public/**'], languageOptions: { globals } },
);
