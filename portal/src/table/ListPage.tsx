import { Title } from '@patternfly/react-core';
import { useTranslation } from 'react-i18next';
import type { Kind } from '@/api/gen/fields';
import { useTitle } from '@/components/useTitle';
import { useProjectFilter } from '@/shell/project';
import { ObjectList } from './ObjectList';

/** The page of a noun: all of its objects. */
export function ListPage({ kind }: { kind: Kind }) {
  const { t } = useTranslation();
  const title = t(`kinds.${kind}.many`);
  const fixed = useProjectFilter(kind);
  useTitle(title);
  return (
    <div className="sp-page sp-page--fixed">
      <Title headingLevel="h1" size="2xl" className="sp-page__title">
        {title}
      </Title>
      <ObjectList kind={kind} fixed={fixed} />
    </div>
  );
}
