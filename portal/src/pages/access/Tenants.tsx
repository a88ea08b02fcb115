import { Button } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useMay } from '@/access/queries';
import { TenantDialog } from '@/access/TenantDialogs';
import { TenantTree } from '@/access/TenantTree';
import { ListFrame } from '@/access/Details';

export function Tenants() {
  const { t } = useTranslation();
  const may = useMay('tenant.write');
  const [adding, setAdding] = useState(false);
  return (
    <ListFrame
      title={t('access.tenants.title')} lead={t('access.tenants.lead')}
      tools={may && <Button onClick={() => setAdding(true)}>{t('access.tenants.add')}</Button>}
    >
      <TenantTree />
      {adding && <TenantDialog onClose={() => setAdding(false)} />}
    </ListFrame>
  );
}
