import { Content, ContentVariants } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { api, data } from '@/api/client';
import { ConfirmByName } from '@/components/ConfirmByName';
import { formatNumber } from '@/format/format';
import { useToast } from '@/shell/Toasts';
import { useCounts } from './FoundCounts';
import { FOUND, type Provider } from './provider';

/** Says what is forgotten with the provider, and forgets it when its name is typed. */
export function RemoveProvider({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const { t } = useTranslation();
  const toast = useToast();
  const counts = useCounts(provider.id);
  const held = FOUND.filter((kind) => counts.get(kind));
  const remove = async () => {
    await data(api.DELETE('/v1/providers/{id}', { params: { path: { id: provider.id } } }));
    toast({ title: t('providers.removed', { name: provider.name }) });
  };
  return (
    <ConfirmByName title={t('providers.removeTitle', { name: provider.name })} name={provider.name} act={t('providers.remove')} onConfirm={remove} onClose={onClose}>
      <Content>
        <Content component={ContentVariants.p}>{t(held.length > 0 ? 'providers.removeWhat' : 'providers.removeNothing')}</Content>
        {held.length > 0 && (
          <ul className="sp-removed">
            {held.map((kind) => (
              <li key={kind}>
                <strong>{formatNumber(counts.get(kind) ?? 0)}</strong> {t(counts.get(kind) === 1 ? `kinds.${kind}.one` : `kinds.${kind}.many`)}
              </li>
            ))}
          </ul>
        )}
        <Content component={ContentVariants.p}>{t('providers.removeStays')}</Content>
      </Content>
    </ConfirmByName>
  );
}
