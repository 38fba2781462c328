defmodule :dyn_child_handler do
  @moduledoc "Keeps the list of a supervisor's added children, the same on every member."
  @callback match(id :: term) :: boolean
  @callback get_all() :: [:supervisor.child_spec()]
  @callback add(:supervisor.child_spec()) :: term
  @callback del(id :: term) :: term
end
