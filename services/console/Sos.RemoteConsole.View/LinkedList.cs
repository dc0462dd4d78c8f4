namespace Sos.RemoteConsole.View;

/// <summary>
/// Linux's doubly linked lists (struct list_head), followed while Linux may change them. A step counts only if the next node points back, which an entry
/// that was freed, or a pointer that is no list's, does not.
/// </summary>
public static class LinkedList
{
    /// <summary>A list with more entries than these is taken for a broken one: Linux has at most 4,194,304 tasks.</summary>
    public const ulong EntriesMax = 1 << 22;

    private const ulong PreviousOffset = sizeof(ulong);

    /// <summary>How often a step is tried: an entry is added or taken out with a few writes.</summary>
    private const int Tries = 8;

    /// <summary>Follows a list by one node.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="node">The node.</param>
    /// <param name="next">The node behind it.</param>
    /// <returns>False if the next one does not point back: the list is torn here.</returns>
    public static bool TryFollow(ref LinuxMemory memory, ulong node, out ulong next)
    {
        for (int i = 0; i < Tries; i++)
        {
            if (memory.TryRead(node, out next) && memory.TryRead(next + PreviousOffset, out ulong back) && back == node)
            {
                return true;
            }
        }

        next = 0;
        return false;
    }

    /// <summary>Returns whether a node that was found before is still in a list.</summary>
    public static bool IsLinked(ref LinuxMemory memory, ulong node)
    {
        for (int i = 0; i < Tries; i++)
        {
            if (memory.TryRead(node + PreviousOffset, out ulong previous) && memory.TryRead(previous, out ulong back) && back == node)
            {
                return true;
            }
        }

        return false;
    }
}
