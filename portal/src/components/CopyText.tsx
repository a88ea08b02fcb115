import { Button, Tooltip } from '@patternfly/react-core';
import CheckIcon from '@patternfly/react-icons/dist/esm/icons/check-icon';
import CopyIcon from '@patternfly/react-icons/dist/esm/icons/copy-icon';
import { useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';

/** Puts a text into the clipboard; also where the page is not on TLS and has no clipboard of its own. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement('textarea');
  area.value = text;
  area.className = 'sp-offscreen';
  document.body.append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}

/** A button that copies a text. */
export function CopyButton({ text, label }: { text: string; label: string }) {
  const { t } = useTranslation();
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return;
    const timer = setTimeout(() => setDone(false), 2_000);
    return () => clearTimeout(timer);
  }, [done]);
  return (
    <>
      <Tooltip content={done ? t('common.copied') : t('common.copy')} aria="none">
        <Button
          variant="plain" size="sm" icon={done ? <CheckIcon /> : <CopyIcon />} aria-label={`${t('common.copy')}: ${label}`}
          onClick={() => void copyText(text).then(() => setDone(true))}
        />
      </Tooltip>
      <span className="pf-v6-screen-reader" role="status">{done ? t('common.copied') : ''}</span>
    </>
  );
}

/** A text that is meant for machines, and a button that copies it. */
export function CopyText({ text, label }: { text: string; label: string }) {
  return (
    <span className="sp-copy">
      <code className="sp-mono">{text}</code>
      <CopyButton text={text} label={label} />
    </span>
  );
}
