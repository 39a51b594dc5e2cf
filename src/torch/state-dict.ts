/** @file The tensors of a checkpoint by name, wherever in it they are. */

import { quote } from '../describe.ts';
import { failInvalid } from './fail.ts';
import { Tensor } from './objects.ts';
import { Dict, describeValue, Global, nameOf, type PickleValue } from './pickle.ts';

/** Under which names a state dict is put beside other things, MMOCR's first. */
const WRAPPERS = ['state_dict', 'model', 'model_state_dict'];
const MOST_KEYS = 8;

/**
 * The tensors of the state dict: the object itself, or its part of a known name. What is no tensor in it is left out.
 * @throws DBNetError `invalid-checkpoint` if there is none, naming what there is instead.
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
  const wrapped = WRAPPERS.filter((name) => members.has(name));
  for (const name of wrapped) {
    const member = members.get(name);
    const tensors = member instanceof Dict ? tensorsOf(membersOf(member)) : undefined;
    if (tensors?.size) return tensors;
  }
  // Last, because a loss beside the state dict can be a tensor too.
  const bare = tensorsOf(members);
  if (bare.size > 0) return bare;
  if (wrapped.length > 0) {
    const [name] = wrapped;
    failInvalid(
      `${quote(name)}: expected a dict with tensors, found ${describeValue(members.get(name)!)}. Save the model's state_dict().`,
    );
  }
  const keys = [...members.keys()];
  const shown = keys.slice(0, MOST_KEYS).map((key) => quote(key));
  failInvalid(
    `expected tensors by name, or a dict of them under ${WRAPPERS.map((name) => quote(name)).join(', ')}, found ` +
      `${shown.length === 0 ? describeValue(object) : shown.join(', ')}${keys.length > MOST_KEYS ? ', ...' : ''}. Save the ` +
      "model's state_dict().",
  );
}

const tensorsOf = (members: ReadonlyMap<string, PickleValue>) =>
  new Map([...members].filter((member): member is [string, Tensor] => member[1] instanceof Tensor));

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
