import { CodeBlock, CodeBlockAction, CodeBlockCode } from '@patternfly/react-core';
import { useMemo } from 'react';
import { useTranslation } from 'react-i18next';
import { CopyButton } from '@/components/CopyText';

/** What the platform says in its own words. */
export function Native({ object }: { object: { native?: unknown } }) {
  const { t } = useTranslation();
  const text = useMemo(() => JSON.stringify(object.native ?? {}, null, 2), [object.native]);
  return (
    <>
      <p className="sp-muted sp-native__hint">{t('detail.nativeHint')}</p>
      <CodeBlock actions={<CodeBlockAction><CopyButton text={text} label={t('detail.native')} /></CodeBlockAction>}>
        <CodeBlockCode>{text}</CodeBlockCode>
      </CodeBlock>
    </>
  );
}
