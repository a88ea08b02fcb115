import { Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm, Title } from '@patternfly/react-core';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { api } from '@/api/client';
import crates from '../../crates.json';
import { packages } from '@/api/gen/packages';
import licenses from '@/api/gen/licenses.txt?url';
import { useTitle } from '@/components/useTitle';
import { formatNumber } from '@/format/format';

const byLicense: Record<string, string[]> = {};
for (const { name, version, license } of packages) (byLicense[license] ??= []).push(`${name} ${version}`);

/** Which version this is, and under which licences. */
export function About() {
  const { t } = useTranslation();
  useTitle(t('about.title'));
  const { data: version } = useQuery({
    queryKey: ['version'],
    queryFn: async ({ signal }) => ((await api.GET('/v1/openapi.json', { signal })).data as { info: { version: string } }).info.version,
  });
  return (
    <div className="sp-page">
      <header className="sp-head">
        <div>
          <Title headingLevel="h1" size="2xl">
            {t('about.title')}
          </Title>
          <p className="sp-muted">{t('about.lead')}</p>
        </div>
      </header>
      <div className="sp-cards">
        <Card>
          <CardTitle component="h2">{t('common.product')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal isCompact termWidth="9rem">
              <DescriptionListGroup>
                <DescriptionListTerm>{t('about.version')}</DescriptionListTerm>
                <DescriptionListDescription>{version ?? '\u00a0'}</DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('about.license')}</DescriptionListTerm>
                <DescriptionListDescription>{t('about.licenseText')}</DescriptionListDescription>
              </DescriptionListGroup>
              <DescriptionListGroup>
                <DescriptionListTerm>{t('about.api')}</DescriptionListTerm>
                <DescriptionListDescription>
                  <a href="/docs" target="_blank" rel="noreferrer">
                    {t('shell.apiDocs')}
                  </a>
                </DescriptionListDescription>
              </DescriptionListGroup>
            </DescriptionList>
          </CardBody>
        </Card>
        <Card>
          <CardTitle component="h2">{t('about.packages')}</CardTitle>
          <CardBody>
            <p className="sp-muted sp-page__lead">
              {t('about.packagesLead', { count: packages.length })}{' '}
              <a href={licenses} target="_blank" rel="noreferrer">
                {t('about.texts')}
              </a>
            </p>
            <ByLicense of={byLicense} />
          </CardBody>
        </Card>
        <Card>
          <CardTitle component="h2">{t('about.crates')}</CardTitle>
          <CardBody>
            <p className="sp-muted sp-page__lead">{t('about.cratesLead', { count: Object.values(crates).flat().length })}</p>
            <ByLicense of={crates} />
          </CardBody>
        </Card>
      </div>
    </div>
  );
}

function ByLicense({ of }: { of: Readonly<Record<string, readonly string[]>> }) {
  return (
    <DescriptionList isCompact>
      {Object.entries(of).map(([license, parts]) => (
        <DescriptionListGroup key={license}>
          <DescriptionListTerm>
            {license} <span className="sp-muted sp-small">{formatNumber(parts.length)}</span>
          </DescriptionListTerm>
          <DescriptionListDescription>
            <span className="sp-small sp-anywhere">{parts.join(', ')}</span>
          </DescriptionListDescription>
        </DescriptionListGroup>
      ))}
    </DescriptionList>
  );
}
