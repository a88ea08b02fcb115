import { Card, CardBody, CardTitle, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { roleLabel, signInName } from '@/access/Names';
import { sessionQuery } from '@/api/queries';
import { PasswordForm } from '@/account/PasswordForm';
import { PreferenceChoices } from '@/account/PreferenceChoices';
import { Tokens } from '@/account/Tokens';
import { useTitle } from '@/components/useTitle';
import { formatTime } from '@/format/format';
import { useToast } from '@/shell/Toasts';

/** What belongs to who is signed in. */
export function Account() {
  const { t } = useTranslation();
  const toast = useToast();
  const { data: session } = useQuery(sessionQuery);
  useTitle(t('account.title'));
  return (
    <div className="sp-page">
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {t('account.title')}
          </Title>
          {session && <p className="sp-muted">{t('account.lead', { username: signInName(session) })}</p>}
          {session && <p className="sp-muted">{session.roles.length > 0 ? t('account.roles', { roles: session.roles.map((name) => roleLabel(t, name)).join(t('account.between')) }) : t('account.noRoles')}</p>}
          {session?.expires_at && <p className="sp-muted sp-small">{t('account.sessionEnds', { time: formatTime(session.expires_at) })}</p>}
        </div>
      </header>
      <div className="sp-cards">
        <Part title={t('account.password.title')} lead={t('account.password.lead')}>
          <PasswordForm onDone={() => toast({ title: t('account.password.done') })} />
        </Part>
        <Part title={t('account.tokens.title')} lead={t('account.tokens.lead')}>
          <Tokens />
        </Part>
        <Part title={t('account.preferences.title')} lead={t('account.preferences.lead')}>
          <PreferenceChoices />
        </Part>
      </div>
    </div>
  );
}

function Part({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  return (
    <Card>
      <CardTitle component="h2">{title}</CardTitle>
      <CardBody>
        <div className="sp-form__part">
          <p className="sp-muted">{lead}</p>
          {children}
        </div>
      </CardBody>
    </Card>
  );
}
