/**
 * @file The part of JSON Schema (2020-12) that `bench/schema.json` uses: type, const, enum, pattern, minimum,
 * properties, required, additionalProperties, items, anyOf and $ref to $defs. Any other keyword is refused.
 */

export type Schema = Readonly<Record<string, unknown>>;

/** Keywords that say nothing about values. */
const annotations = ['$schema', '$defs', 'title', 'description'];

/** What is wrong with a value, one line each, with its place; nothing if it fits. */
export function checkSchema(root: Schema, value: unknown): string[] {
  return check(root, root, value, '');
}

function check(root: Schema, schema: Schema, value: unknown, path: string): string[] {
  return Object.entries(schema).flatMap(([keyword, rule]) => {
    if (annotations.includes(keyword)) return [];
    const test = keywords[keyword];
    if (!test) throw new Error(`the keyword '${keyword}' of the schema is not known here`);
    return test({ root, schema, value, path, rule });
  });
}

interface Site {
  root: Schema;
  schema: Schema;
  value: unknown;
  path: string;
  rule: unknown;
}

const fail = ({ path, value }: Site, expected: string) => [
  `${path || 'the report'}: expected ${expected}, found ${JSON.stringify(value)?.slice(0, 60)}`,
];

const keywords: Readonly<Record<string, (site: Site) => string[]>> = {
  type(site) {
    const types = [site.rule].flat() as string[];
    return types.some((type) => isType(site.value, type)) ? [] : fail(site, types.join(' or '));
  },
  const: (site) => (site.value === site.rule ? [] : fail(site, JSON.stringify(site.rule))),
  enum(site) {
    const values = site.rule as unknown[];
    return values.includes(site.value) ? [] : fail(site, `one of ${JSON.stringify(values)}`);
  },
  pattern(site) {
    const fits = typeof site.value !== 'string' || new RegExp(site.rule as string, 'u').test(site.value);
    return fits ? [] : fail(site, `text like ${site.rule}`);
  },
  minimum(site) {
    const fits = typeof site.value !== 'number' || site.value >= (site.rule as number);
    return fits ? [] : fail(site, `at least ${site.rule}`);
  },
  required({ value, path, rule }) {
    if (!isType(value, 'object')) return [];
    const missing = (rule as string[]).filter((name) => !Object.hasOwn(value as object, name));
    return missing.map((name) => `${path || 'the report'}: '${name}' is missing`);
  },
  properties({ root, value, path, rule }) {
    return Object.entries(rule as Record<string, Schema>).flatMap(([name, schema]) =>
      isType(value, 'object') && Object.hasOwn(value as object, name)
        ? check(root, schema, (value as Record<string, unknown>)[name], `${path}/${name}`)
        : [],
    );
  },
  additionalProperties({ root, schema, value, path, rule }) {
    if (!isType(value, 'object')) return [];
    const known = Object.keys((schema.properties as object) ?? {});
    return Object.entries(value as object)
      .filter(([name]) => !known.includes(name))
      .flatMap(([name, found]) =>
        rule === false
          ? [`${path}/${name}: not expected`]
          : check(root, rule as Schema, found, `${path}/${name}`),
      );
  },
  items({ root, value, path, rule }) {
    if (!Array.isArray(value)) return [];
    return value.flatMap((item, i) => check(root, rule as Schema, item, `${path}/${i}`));
  },
  anyOf(site) {
    const all = (site.rule as Schema[]).map((schema) => check(site.root, schema, site.value, site.path));
    return all.some((problems) => problems.length === 0) ? [] : all.flat();
  },
  $ref({ root, value, path, rule }) {
    const name = (rule as string).replace('#/$defs/', '');
    const target = (root.$defs as Record<string, Schema> | undefined)?.[name];
    if (!target) throw new Error(`the schema refers to ${rule}, which it does not have`);
    return check(root, target, value, path);
  },
};

function isType(value: unknown, type: string): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return typeof value === 'object' && value !== null && !Array.isArray(value);
    case 'integer':
      return Number.isInteger(value);
    default:
      return typeof value === type;
  }
}
