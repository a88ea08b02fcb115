import { Button } from '@patternfly/react-core';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Permission, Scope } from './queries';
import { WhyDialog } from './WhyDialog';

/** Opens the question who may do what there, and why. */
export function WhyButton({ name, on, first }: { name: string; on: Scope; first?: Permission }) {
  const { t } = useTranslation();
  const [open, setOpen] = useState(false);
  return (
    <>
      <Button variant="secondary" onClick={() => setOpen(true)}>
        {t('access.why.act')}
      </Button>
      {open && <WhyDialog name={name} on={on} first={first} onClose={() => setOpen(false)} />}
    </>
  );
}
