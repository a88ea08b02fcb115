import { Title } from '@patternfly/react-core';
import { useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { Navigate, useNavigate, useParams } from 'react-router';
import { api, data } from '@/api/client';
import { ProblemError } from '@/api/problem';
import { keys } from '@/api/queries';
import { Loading } from '@/components/Loading';
import { FullPageProblem } from '@/components/Problem';
import { useTitle } from '@/components/useTitle';
import { ProviderForm } from '@/providers/ProviderForm';
import { useProvider, type Provider } from '@/providers/provider';
import { useProviderActs } from '@/providers/useActs';
import { editBody, valuesOf, type ProviderValues } from '@/providers/values';
import { ProviderCrumbs } from './ProviderPage';

export function ProviderEdit() {
  const { t } = useTranslation();
  const { id = '' } = useParams();
  const { provider, error, isPending, refetch } = useProvider(id);
  useTitle(provider ? t('providers.editTitle', { name: provider.name }) : t('providers.edit'));
  if (isPending) return <Loading />;
  if (provider) return <Edit key={id} provider={provider} />;
  if (error) return <FullPageProblem error={error} onRetry={() => void refetch()} />;
  return <Navigate to={`/providers/${id}`} replace />;
}

function Edit({ provider }: { provider: Provider }) {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const { edited } = useProviderActs();
  const client = useQueryClient();
  // What the form began with: what another person changes in between is not overwritten unseen.
  const base = useRef(provider);
  const send = async (values: ProviderValues) => {
    const path = { id: provider.id };
    try {
      return await data(
        api.PATCH('/v1/providers/{id}', { params: { path, header: { 'if-match': `"${base.current.generation}"` } }, body: editBody(base.current, values) }),
      );
    } catch (error) {
      if (error instanceof ProblemError && error.slug === 'precondition-failed') {
        // Said once; sent again, it is meant.
        base.current = await data(api.GET('/v1/providers/{id}', { params: { path } }));
        void client.invalidateQueries({ queryKey: keys.providers() });
      }
      throw error;
    }
  };
  const back = () => void navigate(`/providers/${provider.id}`, { replace: true });
  return (
    <div className="sp-page">
      <ProviderCrumbs provider={provider}>{t('providers.edit')}</ProviderCrumbs>
      <header className="sp-head">
        <Title headingLevel="h1" size="2xl">
          {t('providers.editTitle', { name: provider.name })}
        </Title>
      </header>
      <ProviderForm
        edits initial={valuesOf(provider)} act={t('providers.form.save')} onCancel={back} send={send}
        onDone={(now) => {
          edited(base.current, now);
          back();
        }}
      />
    </div>
  );
}
