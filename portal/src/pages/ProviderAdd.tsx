import { Title } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { useNavigate, useSearchParams } from 'react-router';
import { api, data } from '@/api/client';
import { useTitle } from '@/components/useTitle';
import { ProviderForm } from '@/providers/ProviderForm';
import { createBody, emptyValues } from '@/providers/values';
import { useToast } from '@/shell/Toasts';
import { ProviderCrumbs } from './ProviderPage';

/** Joins a platform. `?kind=kvm` begins with that. */
export function ProviderAdd() {
  const { t } = useTranslation();
  const navigate = useNavigate();
  const toast = useToast();
  const [search] = useSearchParams();
  useTitle(t('providers.add'));
  return (
    <div className="sp-page">
      <ProviderCrumbs>{t('providers.add')}</ProviderCrumbs>
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {t('providers.add')}
          </Title>
          <p className="sp-muted">{t('providers.addLead')}</p>
        </div>
      </header>
      <ProviderForm
        initial={emptyValues(search.get('kind') === 'kvm' ? 'kvm' : 'vsphere')} act={t('providers.form.add')} onCancel={() => void navigate('/providers')}
        send={(values) => data(api.POST('/v1/providers', { body: createBody(values) }))}
        onDone={(provider) => {
          toast({ title: t('providers.added', { name: provider.name }) });
          void navigate(`/providers/${provider.id}`, { replace: true });
        }}
      />
    </div>
  );
}
