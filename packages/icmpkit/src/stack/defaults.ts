/**
 * Settings given over their defaults: what is not given is looked up in the defaults themselves, which all nodes share,
 * so that a node holds its own ones only. Who spreads such settings gets no others.
 */
export function over<S extends object>(defaults: S, given: Partial<S>): S {
  return Object.assign(Object.create(defaults), given)
}

/** The same where nobody writes to them: the defaults themselves, where nothing is given. */
export function shared<S extends object>(defaults: S, given: Partial<S> | undefined): S {
  return given === undefined || given === defaults || Object.keys(given).length === 0 ? defaults : over(defaults, given)
}
