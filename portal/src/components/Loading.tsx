import { Bullseye, Spinner } from '@patternfly/react-core';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

const QUIET_MS = 300;

/** Says that something loads, once it takes long enough to be noticed. */
export function Loading() {
  const { t } = useTranslation();
  const [shown, setShown] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setShown(true), QUIET_MS);
    return () => clearTimeout(timer);
  }, []);
  return <Bullseye className="sp-loading">{shown && <Spinner size="lg" aria-label={t('common.loading')} />}</Bullseye>;
}
