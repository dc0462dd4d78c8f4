using System.Runtime.CompilerServices;
using Sos.Sdk.Memory;

namespace Sos.Sdk.Time;

/// <summary>
/// Items in the order of exact deadlines: a heap with four children a node. Unlike <see cref="TimingWheel"/> it hands out the earliest
/// first and rounds nothing; in return, arming takes logarithmic time. Copies share one heap.
/// </summary>
public readonly unsafe struct DeadlineHeap
{
    private const uint Children = 4;
    private const uint Absent = 0;

    private readonly State* _state;

    private DeadlineHeap(State* state) => _state = state;

    /// <summary>Items in the heap.</summary>
    public int Count => (int)_state->Count;

    /// <summary>The earliest deadline; <see cref="ulong.MaxValue"/> when the heap is empty.</summary>
    public ulong Earliest => _state->Count == 0 ? ulong.MaxValue : _state->Nodes[0].Deadline;

    /// <summary>The item with the earliest deadline; traps when the heap is empty.</summary>
    public uint EarliestItem
    {
        get
        {
            Trap.Unless(_state->Count != 0, TrapCode.BadTimer);
            return _state->Nodes[0].Item;
        }
    }

    /// <summary>Makes a heap for items numbered from 0.</summary>
    /// <returns>False when <paramref name="capacity"/> is not positive or the arena is full.</returns>
    public static bool TryCreate(Arena arena, int capacity, out DeadlineHeap heap)
    {
        heap = default;
        if (capacity <= 0
            || !arena.TryAllocate(out State* state)
            || !arena.TryAllocate(capacity, out MemoryBlock<Node> nodes)
            || !arena.TryAllocate(capacity, out MemoryBlock<uint> places))
        {
            return false;
        }

        state->Nodes = nodes.Pointer;
        state->Places = places.Pointer;
        state->Capacity = (uint)capacity;
        heap = new DeadlineHeap(state);
        return true;
    }

    /// <summary>Whether an item is in the heap.</summary>
    public bool Contains(uint item)
    {
        Trap.Unless(item < _state->Capacity, TrapCode.BadTimer);
        return _state->Places[item] != Absent;
    }

    /// <summary>Puts an item in, or gives one that is there another deadline.</summary>
    public void Set(uint item, ulong deadline)
    {
        State* state = _state;
        Trap.Unless(item < state->Capacity, TrapCode.BadTimer);
        uint place = state->Places[item];
        if (place == Absent)
        {
            Rise(state, state->Count++, new Node { Deadline = deadline, Item = item });
            return;
        }

        Settle(state, place - 1, new Node { Deadline = deadline, Item = item });
    }

    /// <summary>Takes an item out.</summary>
    /// <returns>Whether it was there.</returns>
    public bool Remove(uint item)
    {
        State* state = _state;
        Trap.Unless(item < state->Capacity, TrapCode.BadTimer);
        uint place = state->Places[item];
        if (place == Absent)
        {
            return false;
        }

        state->Places[item] = Absent;
        Node last = state->Nodes[--state->Count];
        if (last.Item != item)
        {
            Settle(state, place - 1, last);
        }

        return true;
    }

    private static void Settle(State* state, uint index, Node node)
    {
        if (index != 0 && node.Deadline < state->Nodes[(index - 1) / Children].Deadline)
        {
            Rise(state, index, node);
        }
        else
        {
            Sink(state, index, node);
        }
    }

    private static void Rise(State* state, uint index, Node node)
    {
        while (index != 0)
        {
            uint parent = (index - 1) / Children;
            if (state->Nodes[parent].Deadline <= node.Deadline)
            {
                break;
            }

            Place(state, index, state->Nodes[parent]);
            index = parent;
        }

        Place(state, index, node);
    }

    private static void Sink(State* state, uint index, Node node)
    {
        while (true)
        {
            uint child = (index * Children) + 1;
            if (child >= state->Count)
            {
                break;
            }

            uint end = child + Children < state->Count ? child + Children : state->Count;
            uint least = child;
            for (uint other = child + 1; other < end; other++)
            {
                least = state->Nodes[other].Deadline < state->Nodes[least].Deadline ? other : least;
            }

            if (node.Deadline <= state->Nodes[least].Deadline)
            {
                break;
            }

            Place(state, index, state->Nodes[least]);
            index = least;
        }

        Place(state, index, node);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Place(State* state, uint index, Node node)
    {
        state->Nodes[index] = node;
        state->Places[node.Item] = index + 1;
    }

    private struct State
    {
        public Node* Nodes;
        public uint* Places; // 1 + index of each item's node, 0 for one that is not in the heap
        public uint Capacity;
        public uint Count;
    }

    private struct Node
    {
        public ulong Deadline;
        public uint Item;
    }
}
