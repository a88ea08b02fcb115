import { Tooltip } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import { useConnection } from './useLive';

/** Whether what is shown follows the gateway. */
export function LiveMark() {
  const { t } = useTranslation();
  const { state } = useConnection();
  const live = state === 'live';
  return (
    <Tooltip content={live ? t('live.liveHint') : t('live.connecting')}>
      <span className={`sp-live ${live ? 'sp-live--on' : ''}`} tabIndex={0}>
        <span className="sp-live__dot" aria-hidden="true" />
        {live ? t('live.live') : t('live.connecting')}
      </span>
    </Tooltip>
  );
}
