// The limits of a tenant or a project, edited all together: what is empty has none.
import { useTranslation } from 'react-i18next';
import { TextField } from '@/form/fields';
import { useForm } from '@/form/useForm';
import { FormDialog } from './FormDialog';
import { isInGib, LIMIT_FIELDS, limitsOf, setQuota, valuesOf, type QuotaOf, type QuotaUse } from './quota';
import { useDone } from './useAct';

interface Props {
  of: QuotaOf;
  name: string;
  uses: readonly QuotaUse[];
  onClose: () => void;
}

export function QuotaDialog({ of, name, uses, onClose }: Props) {
  const { t } = useTranslation();
  const done = useDone();
  const form = useForm({
    initial: valuesOf(uses),
    // What is no number is found before anything is sent.
    send: async (values) => setQuota(of, limitsOf(values, { number: t('quotas.faults.number'), gib: t('quotas.faults.gib') })),
    onDone: () => {
      done(t('quotas.saved', { name }));
      onClose();
    },
    rename: LIMIT_FIELDS,
  });
  return (
    <FormDialog form={form} title={t('quotas.editTitle', { name })} lead={t('quotas.editLead')} act={t('common.save')} variant="medium" onClose={onClose}>
      {uses.map(({ resource }, index) => {
        const name = isInGib(resource) ? t('quotas.inGib', { label: t(`quotas.resources.${resource}`) }) : t(`quotas.resources.${resource}`);
        return (
          <div key={resource} className="sp-quota-limits">
            <TextField
              form={form} name={`hard_${resource}`} label={t('quotas.ofResource', { resource: name, limit: t('quotas.hard') })} autoFocus={index === 0}
              placeholder={t('quotas.emptyIsNone')}
            />
            <TextField form={form} name={`soft_${resource}`} label={t('quotas.ofResource', { resource: name, limit: t('quotas.soft') })} placeholder={t('quotas.emptyIsNoWarning')} />
          </div>
        );
      })}
    </FormDialog>
  );
}
