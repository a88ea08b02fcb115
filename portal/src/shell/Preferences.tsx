// Language and theme: before the sign-in too.
import { Dropdown, DropdownItem, DropdownList, MenuToggle, Tooltip } from '@patternfly/react-core';
import AdjustIcon from '@patternfly/react-icons/dist/esm/icons/adjust-icon';
import LanguageIcon from '@patternfly/react-icons/dist/esm/icons/language-icon';
import MoonIcon from '@patternfly/react-icons/dist/esm/icons/moon-icon';
import SunIcon from '@patternfly/react-icons/dist/esm/icons/sun-icon';
import { useState, type ReactElement, type ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { chooseLanguage, languages, type Language } from '@/i18n';
import { chooseTheme, useTheme, type Theme } from './theme';

interface Choice<T extends string> {
  value: T;
  label: string;
  icon?: ReactNode;
  lang?: string;
}

function Chooser<T extends string>(props: {
  label: string;
  icon: ReactElement;
  value: T;
  choices: Choice<T>[];
  onChoose: (value: T) => void;
}) {
  const { label, icon, value, choices, onChoose } = props;
  const [open, setOpen] = useState(false);
  return (
    <Dropdown
      isOpen={open}
      onOpenChange={setOpen}
      onSelect={() => setOpen(false)}
      popperProps={{ position: 'right' }}
      shouldFocusFirstItemOnOpen
      toggle={(toggle) => (
        <Tooltip content={label} aria="none">
          <MenuToggle innerRef={toggle} variant="plain" aria-label={label} isExpanded={open} onClick={() => setOpen(!open)} icon={icon} />
        </Tooltip>
      )}
    >
      <DropdownList>
        {choices.map((choice) => (
          <DropdownItem
            key={choice.value} icon={choice.icon} isSelected={choice.value === value} aria-current={choice.value === value || undefined}
            lang={choice.lang} onClick={() => onChoose(choice.value)}
          >
            {choice.label}
          </DropdownItem>
        ))}
      </DropdownList>
    </Dropdown>
  );
}

export function Preferences() {
  const { t, i18n } = useTranslation();
  const theme = useTheme();
  const themes: Choice<Theme>[] = [
    { value: 'light', label: t('shell.themeLight'), icon: <SunIcon /> },
    { value: 'dark', label: t('shell.themeDark'), icon: <MoonIcon /> },
    { value: 'system', label: t('shell.themeSystem'), icon: <AdjustIcon /> },
  ];
  const tongues = Object.entries(languages).map(([value, label]) => ({ value: value as Language, label, lang: value }));
  return (
    <>
      <Chooser
        label={t('shell.language')} icon={<LanguageIcon />} value={i18n.language as Language} choices={tongues}
        onChoose={(language) => void chooseLanguage(language)}
      />
      <Chooser
        label={t('shell.theme')} icon={theme === 'dark' ? <MoonIcon /> : theme === 'light' ? <SunIcon /> : <AdjustIcon />}
        value={theme} choices={themes} onChoose={chooseTheme}
      />
    </>
  );
}
