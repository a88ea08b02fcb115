import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { projectLabel } from '@/access/Names';
import { projectsQuery } from '@/access/queries';
import { SelectField } from '@/form/fields';
import type { FormState } from '@/form/useForm';

/** Chooses a project; with `platform` also that it is nobody's but the platform's. */
export const TO_PLATFORM = 'platform';

interface Props<T extends object> {
  form: FormState<T>;
  name: Extract<keyof T, string>;
  label: string;
  hint?: string;
  platform?: boolean;
}

export function ProjectField<T extends object>({ form, name, platform, ...props }: Props<T>) {
  const { t } = useTranslation();
  const { data: projects } = useQuery(projectsQuery);
  const options = [
    ...(projects ?? []).map((project) => ({ value: project.id, label: projectLabel(project) })),
    ...(platform ? [{ value: TO_PLATFORM, label: t('ownership.toPlatform') }] : []),
  ];
  const known = options.some(({ value }) => value === form.values[name]);
  return <SelectField form={form} name={name} options={known ? options : [{ value: String(form.values[name]), label: t('access.choose') }, ...options]} isRequired {...props} />;
}
