import {
  Alert, Button, Form, FormGroup, FormHelperText, HelperText, HelperTextItem, InputGroup, InputGroupItem, Title, TextInput,
} from '@patternfly/react-core';
import EyeIcon from '@patternfly/react-icons/dist/esm/icons/eye-icon';
import EyeSlashIcon from '@patternfly/react-icons/dist/esm/icons/eye-slash-icon';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { keys } from '@/api/queries';
import { ProblemAlert } from '@/components/Problem';
import { Mark } from './Mark';
import { Preferences } from './Preferences';

export function SignIn({ ended }: { ended: boolean }) {
  const { t } = useTranslation();
  const client = useQueryClient();
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [shown, setShown] = useState(false);
  const signIn = useMutation({
    mutationFn: () => data(api.POST('/v1/login/cookie', { body: { username, password } })),
    onSuccess: (session) => {
      // Nothing of who was signed in before is shown to who is now.
      client.removeQueries({ predicate: (query) => query.queryKey[0] !== 'session' });
      client.setQueryData(keys.session(), session);
    },
  });

  useEffect(() => {
    document.title = `${t('session.title')} – ${t('common.product')}`;
  }, [t]);

  return (
    <div className="sp-sign-in">
      <header className="sp-sign-in__preferences">
        <Preferences />
      </header>
      <main className="sp-sign-in__card">
        <div className="sp-sign-in__brand">
          <Mark />
          <span>{t('common.product')}</span>
        </div>
        <Title headingLevel="h1" size="2xl">
          {t('session.title')}
        </Title>
        <p className="sp-muted">{t('session.subtitle')}</p>
        <Form
          onSubmit={(event) => {
            event.preventDefault();
            signIn.mutate();
          }}
        >
          {ended && !signIn.error && <Alert variant="info" variantLabel={t('alerts.info')} isInline title={t('session.ended')} />}
          {signIn.error && <ProblemAlert error={signIn.error} />}
          <FormGroup label={t('session.username')} fieldId="username" isRequired>
            <TextInput
              id="username" name="username" autoComplete="username" isRequired autoFocus value={username}
              validated={signIn.error ? 'error' : 'default'} onChange={(_, value) => setUsername(value)} aria-describedby="username-help"
            />
            <FormHelperText>
              <HelperText>
                <HelperTextItem id="username-help">{t('session.usernameHint')}</HelperTextItem>
              </HelperText>
            </FormHelperText>
          </FormGroup>
          <FormGroup label={t('session.password')} fieldId="password" isRequired>
            <InputGroup>
              <InputGroupItem isFill>
                <TextInput
                  id="password" name="password" type={shown ? 'text' : 'password'} autoComplete="current-password" isRequired
                  value={password} validated={signIn.error ? 'error' : 'default'} onChange={(_, value) => setPassword(value)}
                />
              </InputGroupItem>
              <InputGroupItem>
                <Button
                  variant="control" icon={shown ? <EyeSlashIcon /> : <EyeIcon />} onClick={() => setShown(!shown)}
                  aria-label={shown ? t('session.hidePassword') : t('session.showPassword')}
                />
              </InputGroupItem>
            </InputGroup>
          </FormGroup>
          <Button type="submit" variant="primary" isBlock isLoading={signIn.isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={!username || !password || signIn.isPending}>
            {t('session.submit')}
          </Button>
        </Form>
        <p className="sp-muted sp-small">{t('session.firstPassword')}</p>
      </main>
    </div>
  );
}
