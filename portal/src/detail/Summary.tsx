import { Card, CardBody, CardTitle, DescriptionList, DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from '@patternfly/react-core';
import type { ComponentType } from 'react';
import { useTranslation } from 'react-i18next';
import type { FieldName, Kind, Objects } from '@/api/gen/fields';
import { FieldValue, fieldOf, textOf, valueOf } from '@/components/FieldValue';
import { Flash } from '@/components/Flash';
import { nounOf } from '@/nouns';
import { cellOf, type Cell, type Section } from '@/nouns/noun';

/** Every object has an id that can be copied; a noun that has more to say of it declares the section itself. */
const IDENTITY = { title: 'identity', fields: [{ id: 'id' }] } as const;
const FRESHNESS: FieldName[] = ['sync', 'observed_at', 'changed_at', 'first_seen_at'];

/** The sections that the noun declares, and how true they are. */
export function Summary<K extends Kind>({ kind, object }: { kind: K; object: Objects[K] }) {
  const { t } = useTranslation();
  const declared = nounOf(kind).sections;
  const named = declared.some(({ fields }) => fields.some((cell) => cellOf<K>(cell).id === 'id'));
  const sections: readonly Section<K>[] = named ? declared : [...declared, IDENTITY];
  const attributes = Object.entries((object as { attributes?: Record<string, string> }).attributes ?? {});
  return (
    <div className="sp-summary">
      {sections.map((section) => (
        <SectionCard key={section.title} kind={kind} object={object} section={section} />
      ))}
      {attributes.length > 0 && (
        <Card isCompact>
          <CardTitle component="h2">{t('detail.attributes')}</CardTitle>
          <CardBody>
            <DescriptionList isHorizontal isCompact termWidth="10rem">
              {attributes.map(([name, value]) => (
                <DescriptionListGroup key={name}>
                  <DescriptionListTerm>{name}</DescriptionListTerm>
                  <DescriptionListDescription>{value}</DescriptionListDescription>
                </DescriptionListGroup>
              ))}
            </DescriptionList>
          </CardBody>
        </Card>
      )}
      <SectionCard kind={kind} object={object} section={{ title: 'freshness', fields: FRESHNESS.map((id) => ({ id })) }} />
    </div>
  );
}

/** A tab that shows sections, and what stands below them. */
export function sectionsOf<K extends Kind>(kind: K, sections: readonly Section<K>[], Below?: ComponentType<{ object: Objects[K] }>) {
  return function SectionsOfKind({ object }: { object: Objects[K] }) {
    return (
      <div className="sp-parts">
        {sections.map((section) => (
          <SectionCard key={section.title} kind={kind} object={object} section={section} />
        ))}
        {Below && <Below object={object} />}
      </div>
    );
  };
}

function SectionCard<K extends Kind>({ kind, object, section }: { kind: K; object: Objects[K]; section: Section<K> }) {
  const { t } = useTranslation();
  // What the platform does not tell is not there.
  const told = section.fields.map((cell) => cellOf<K>(cell)).filter((cell) => cell.Show || isTold(kind, object, cell.id));
  if (told.length === 0) return null;
  return (
    <Card isCompact>
      <CardTitle component="h2">{t(`detail.${section.title}`)}</CardTitle>
      <CardBody>
        <DescriptionList isHorizontal isCompact termWidth="10rem">
          {told.map((cell) => (
            <Entry key={cell.id} kind={kind} object={object} cell={cell} />
          ))}
        </DescriptionList>
      </CardBody>
    </Card>
  );
}

function isTold<K extends Kind>(kind: K, object: Objects[K], id: string): boolean {
  const field = fieldOf(kind, id);
  const value = field && valueOf(object, field);
  return value !== undefined && value !== null && value !== '' && !(Array.isArray(value) && value.length === 0);
}

function Entry<K extends Kind>({ kind, object, cell }: { kind: K; object: Objects[K]; cell: Cell<K> }) {
  const { t } = useTranslation();
  const field = fieldOf(kind, cell.id);
  const label = cell.label ? t(`detail.${cell.label}`) : field ? t(`fields.${field.name}`) : cell.id;
  return (
    <DescriptionListGroup>
      <DescriptionListTerm>{label}</DescriptionListTerm>
      <DescriptionListDescription>
        {cell.Show ? (
          <cell.Show object={object} />
        ) : (
          field && (
            <Flash of={textOf(valueOf(object, field))}>
              <FieldValue kind={kind} object={object} field={field} most={12} copies />
            </Flash>
          )
        )}
      </DescriptionListDescription>
    </DescriptionListGroup>
  );
}
