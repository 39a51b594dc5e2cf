/** @file The tensors of a checkpoint by name, wherever in it they are. */

import { quote } from '../describe.ts';
import { failInvalid } from './fail.ts';
import { Tensor } from './objects.ts';
import { Dict, describeValue, Global, nameOf, type PickleValue, Text } from './pickle.ts';

/** Under which names a state dict is put beside other things; one of these is preferred to others. */
const WRAPPERS = ['state_dict', 'model', 'model_state_dict'];
const MOST_KEYS = 8;

/**
 * The tensors of the state dict: the object itself, or its one member that holds tensors. What is no tensor in it is left
 * out.
 * @throws DBNetError `invalid-checkpoint` if there is none or several, naming what there is instead.
 */
export function findStateDict(object: PickleValue): Map<string, Tensor> {
  if (object instanceof Global) {
    failInvalid(
      `expected a dict of tensors, found ${describeValue(object)}: a whole model was saved, whose class only Python has. ` +
        'Save its state_dict().',
    );
  }
  if (!(object instanceof Dict)) failInvalid(`expected a dict of tensors, found ${describeValue(object)}.`);
  const members = membersOf(object);
  // Each dict once, under however many names it is.
  const parts = new Set<PickleValue | undefined>([...new Set(members.values())].filter(holdsTensors));
  const known = WRAPPERS.map((name) => members.get(name)).find((member) => parts.has(member));
  if (known instanceof Dict) return tensorsOf(known);
  // Not before the known names, because a loss beside a state dict can be a tensor too.
  if (holdsTensors(object)) return tensorsOf(object);
  if (parts.size > 1) {
    const names = [...members.keys()].filter((name) => parts.has(members.get(name)));
    failInvalid(`expected one dict of tensors, found ${list(names)}. Save the one of the model alone.`);
  }
  const [part] = parts;
  if (part instanceof Dict) return tensorsOf(part);
  const wrapper = WRAPPERS.find((name) => members.has(name));
  const found =
    wrapper === undefined
      ? list([...members.keys()])
      : `${describeValue(members.get(wrapper)!)} in ${quote(wrapper)}`;
  failInvalid(`expected tensors by name, or a dict of them, found ${found}. Save the model's state_dict().`);
}

function list(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const shown = names.slice(0, MOST_KEYS).map((name) => quote(name));
  return `${shown.join(', ')}${names.length > MOST_KEYS ? ', ...' : ''}`;
}

function holdsTensors(value: PickleValue): boolean {
  if (!(value instanceof Dict)) return false;
  for (const [key, item] of value.entries()) {
    if (item instanceof Tensor && key instanceof Text) return true;
  }
  return false;
}

const tensorsOf = (dict: Dict) =>
  new Map([...membersOf(dict)].filter((member): member is [string, Tensor] => member[1] instanceof Tensor));

/** What has a name in a dict. */
function membersOf(dict: Dict): Map<string, PickleValue> {
  const members = new Map<string, PickleValue>();
  for (const [key, value] of dict.entries()) {
    const name = nameOf(key);
    if (name === undefined) {
      if (value instanceof Tensor) failInvalid(`expected the name of a tensor, found ${describeValue(key)}.`);
    } else if (members.has(name)) failInvalid(`the name ${quote(name)} occurs twice in a dict.`);
    else members.set(name, value);
  }
  return members;
}
