// A certificate that is not trusted: its fingerprint, and one button.
import { Alert, Button } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { CopyText } from '@/components/CopyText';

interface Props {
  fingerprint: string;
  onTrust: () => void;
  isPending?: boolean;
  /** Where it stands among the heads of the page. */
  level?: 'h2' | 'h4';
}

export function TrustCertificate({ fingerprint, onTrust, isPending, level = 'h2' }: Props) {
  const { t } = useTranslation();
  return (
    <Alert
      variant="warning" variantLabel={t('alerts.warning')} isInline component={level} title={t('providers.trust.title')} className="sp-trust"
      actionLinks={
        <Button variant="secondary" size="sm" onClick={onTrust} isLoading={isPending} spinnerAriaLabel={t('common.loading')} spinnerAriaValueText={t('common.loading')} isDisabled={isPending}>
          {t('providers.trust.act')}
        </Button>
      }
    >
      <p>{t('providers.trust.hint')}</p>
      <Fingerprint text={fingerprint} />
    </Alert>
  );
}

export function Fingerprint({ text }: { text: string }) {
  const { t } = useTranslation();
  return <CopyText text={text} label={t('providers.trust.fingerprint')} />;
}
