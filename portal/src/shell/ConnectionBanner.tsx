// Says when the page does not follow the gateway, and from when it is.
import { Banner, Button, Flex, FlexItem } from '@patternfly/react-core';
import DisconnectedIcon from '@patternfly/react-icons/dist/esm/icons/disconnected-icon';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useNow } from '@/components/useNow';
import { formatTime } from '@/format/format';
import { lastHeardAt, retryNow, useConnection } from './useLive';

/** A cut that heals at once is not worth a word. */
const QUIET_MS = 1_500;

export function ConnectionBanner() {
  const { t } = useTranslation();
  const connection = useConnection();
  const lost = connection.state === 'lost';
  const [shown, setShown] = useState(false);
  const now = useNow(1_000);
  useEffect(() => {
    if (!lost) return;
    const timer = setTimeout(() => setShown(true), QUIET_MS);
    return () => {
      clearTimeout(timer);
      setShown(false);
    };
  }, [lost]);

  const heard = lastHeardAt();
  return (
    <div role="status" aria-live="polite">
      {lost && shown && (
        <Banner status="warning" className="sp-connection">
          <Flex columnGap={{ default: 'columnGapMd' }} alignItems={{ default: 'alignItemsCenter' }}>
            <FlexItem>
              <DisconnectedIcon /> <strong>{t('live.lost')}</strong>
            </FlexItem>
            {heard !== undefined && <FlexItem>{t('live.lostSince', { time: formatTime(heard) })}</FlexItem>}
            {connection.retryAt !== undefined && (
              <FlexItem aria-hidden="true">
                {t('live.retryIn', { seconds: String(Math.max(0, Math.ceil((connection.retryAt - now) / 1000))) })}
              </FlexItem>
            )}
            <FlexItem>
              <Button variant="link" isInline onClick={retryNow}>
                {t('live.retryNow')}
              </Button>
            </FlexItem>
          </Flex>
        </Banner>
      )}
    </div>
  );
}
