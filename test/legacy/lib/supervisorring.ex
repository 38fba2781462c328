defmodule Supervisorring do
  @moduledoc """
  Supervisors whose children are spread over the up members of the ring, as a legacy member
  has them. `use Supervisorring` makes a module a callback module and a handler at once.
  """
  defdelegate find(sup, id), to: :supervisorring
  defdelegate exec(sup, id, fun), to: :supervisorring
  defdelegate exec(sup, id, fun, timeout), to: :supervisorring
  defdelegate exec(sup, id, fun, timeout, tries), to: :supervisorring
  defdelegate start_child(sup, spec), to: :supervisorring
  defdelegate terminate_child(sup, id), to: :supervisorring
  defdelegate delete_child(sup, id), to: :supervisorring
  defdelegate restart_child(sup, id), to: :supervisorring
  defdelegate which_children(sup), to: :supervisorring
  defdelegate count_children(sup), to: :supervisorring

  def start_link(module, arg, name: name) when is_atom(name),
    do: :supervisorring.start_link({:local, name}, module, arg)

  def global_sup_ref(sup), do: :"#{sup}.GlobalSup"
  def child_manager_ref(sup), do: :"#{sup}.ChildManager"
  def local_sup_ref(sup), do: sup

  defmacro __using__(_options) do
    quote do
      @behaviour :supervisorring
      @behaviour :dyn_child_handler
      import Supervisor.Spec

      def dynamic, do: {:dyn_child_handler, __MODULE__}

      def migrate(_child, _old, _new), do: :ok
      def match(_id), do: true
      def get_all, do: []
      def add(_spec), do: :ok
      def del(_id), do: :ok
      defoverridable migrate: 3, match: 1, get_all: 0, add: 1, del: 1
    end
  end
end
