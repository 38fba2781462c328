defmodule UserApp.Rooms do
  @moduledoc """
  The rooms of the cluster: two that always are, and those that were opened. Rooms that are named by
  a tuple are remembered in this module's own file; the others in `UserApp.ChildrenFile`.
  """
  use Supervisorring

  alias UserApp.{ChildrenFile, Room}

  @doc "The spec of a room, whose name is its id's where that is an atom."
  def spec(id), do: {id, {Room, :start_link, [id]}, :permanent, 2000, :worker, [Room]}

  @impl true
  def init(_arg) do
    children = [dynamic(), {:dyn_child_handler, ChildrenFile}, spec(:lobby), spec(:hall)]
    {:ok, {{:one_for_one, 20, 5}, children}}
  end

  # A moved room goes on with its count.
  @impl true
  def migrate({_id, _type, _modules}, old, new), do: GenServer.call(new, {:set, GenServer.call(old, :get)})

  @impl true
  def match(id), do: is_tuple(id)

  @impl true
  def get_all, do: ChildrenFile.read("tuples")

  @impl true
  def add(spec), do: ChildrenFile.write("tuples", [spec | get_all()])

  @impl true
  def del(id), do: ChildrenFile.write("tuples", List.keydelete(get_all(), id, 0))
end
