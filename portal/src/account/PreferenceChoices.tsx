// Language and theme, as choices that are all seen at once.
import { Form, FormGroup, Radio } from '@patternfly/react-core';
import { useId } from 'react';
import { useTranslation } from 'react-i18next';
import { chooseLanguage, languages, type Language } from '@/i18n';
import { chooseTheme, useTheme, type Theme } from '@/shell/theme';

const THEMES = [['light', 'themeLight'], ['dark', 'themeDark'], ['system', 'themeSystem']] as const satisfies [Theme, string][];

export function PreferenceChoices() {
  const { t, i18n } = useTranslation();
  const theme = useTheme();
  const id = useId();
  return (
    <Form>
      <FormGroup role="radiogroup" label={t('shell.language')} isStack fieldId={`${id}-language`}>
        {(Object.keys(languages) as Language[]).map((language) => (
          <Radio
            key={language} id={`${id}-${language}`} name={`${id}-language`} label={<span lang={language}>{languages[language]}</span>}
            isChecked={i18n.language === language} onChange={() => void chooseLanguage(language)}
          />
        ))}
      </FormGroup>
      <FormGroup role="radiogroup" label={t('shell.theme')} isStack fieldId={`${id}-theme`}>
        {THEMES.map(([value, label]) => (
          <Radio key={value} id={`${id}-${value}`} name={`${id}-theme`} label={t(`shell.${label}`)} isChecked={theme === value} onChange={() => chooseTheme(value)} />
        ))}
      </FormGroup>
    </Form>
  );
}
