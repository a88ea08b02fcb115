// What the search box can do besides going somewhere.
import AddIcon from '@patternfly/react-icons/dist/esm/icons/plus-circle-icon';
import LanguageIcon from '@patternfly/react-icons/dist/esm/icons/language-icon';
import SignOutIcon from '@patternfly/react-icons/dist/esm/icons/sign-out-alt-icon';
import SyncIcon from '@patternfly/react-icons/dist/esm/icons/sync-alt-icon';
import ThemeIcon from '@patternfly/react-icons/dist/esm/icons/adjust-icon';
import { useQuery } from '@tanstack/react-query';
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import { useNavigate } from 'react-router';
import { useMay } from '@/access/queries';
import { providersQuery } from '@/api/queries';
import { chooseLanguage, languages, type Language } from '@/i18n';
import { useProviderActs } from '@/providers/useActs';
import { chooseTheme } from './theme';
import { useSignOut } from './useSignOut';

export interface Command {
  key: string;
  label: string;
  icon: ComponentType;
  run: () => void;
}

export function useCommands(): Command[] {
  const { t, i18n } = useTranslation();
  const navigate = useNavigate();
  const { data: providers } = useQuery(providersQuery);
  const { resync } = useProviderActs();
  const mayWrite = useMay('provider.write');
  const signOut = useSignOut();
  const themes = [['light', t('shell.themeLight')], ['dark', t('shell.themeDark')], ['system', t('shell.themeSystem')]] as const;
  return [
    ...(mayWrite ? [{ key: 'add-provider', label: t('commands.addProvider'), icon: AddIcon, run: () => void navigate('/providers/new') }] : []),
    ...(providers ?? [])
      .filter((provider) => mayWrite && provider.enabled && !provider.removing)
      .map((provider) => ({ key: `resync ${provider.id}`, label: t('commands.resync', { name: provider.name }), icon: SyncIcon, run: () => resync.mutate(provider) })),
    ...themes.map(([theme, label]) => ({ key: `theme ${theme}`, label: t('commands.theme', { theme: label }), icon: ThemeIcon, run: () => chooseTheme(theme) })),
    ...(Object.keys(languages) as Language[])
      .filter((language) => language !== i18n.language)
      .map((language) => ({
        key: `language ${language}`, label: t('commands.language', { language: languages[language] }), icon: LanguageIcon, run: () => void chooseLanguage(language),
      })),
    { key: 'sign-out', label: t('session.signOut'), icon: SignOutIcon, run: () => signOut.mutate() },
  ];
}
