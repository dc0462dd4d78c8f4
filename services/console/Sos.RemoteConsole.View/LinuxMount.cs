using System;

namespace Sos.RemoteConsole.View;

/// <summary>
/// A mount of Linux's. The mounts of a namespace are a tree: each has a list of what is mounted on it, and points to what it is mounted on. So they have
/// been in all kernels, however else these kept them.
/// </summary>
public static class LinuxMount
{
    /// <summary>A namespace with more mounts than these is taken for a broken one: fs.mount-max is 100,000.</summary>
    public const ulong MountsMax = 1 << 20;

    /// <summary>Steps up the tree, and names of a path: what is deeper is taken for broken.</summary>
    private const int DepthMax = 64;

    private const int NameMax = 255;

    private static ReadOnlySpan<byte> Cut => "..."u8;

    /// <summary>Finds the root of the namespace that Linux began with.</summary>
    public static bool TryFindRoot(ref LinuxMemory memory, out ulong root)
    {
        root = 0;
        return memory.TryRead(memory.Value(LinuxField.InitTask), LinuxField.TaskNamespaces, out ulong namespaces)
            && memory.TryRead(namespaces, LinuxField.NamespacesMounts, out ulong mounts)
            && memory.TryRead(mounts, LinuxField.MountsRoot, out root) && root != 0;
    }

    /// <summary>Returns whether a mount that was found before is still one of the namespace's.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="mount">The mount.</param>
    /// <param name="root">The namespace's root.</param>
    /// <param name="number">The mount's number.</param>
    public static bool IsThere(ref LinuxMemory memory, ulong mount, ulong root, int number)
        => memory.TryRead(mount, LinuxField.MountNumber, out int found) && found == number
            && (mount == root || LinkedList.IsLinked(ref memory, mount + memory.Value(LinuxField.MountChild)));

    /// <summary>Follows the tree: first what is mounted on a mount, then what is mounted beside it.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="root">The namespace's root.</param>
    /// <param name="mount">The mount; the next one, or 0 at the tree's end.</param>
    /// <returns>False if the tree is torn here.</returns>
    public static bool TryFollow(ref LinuxMemory memory, ulong root, ref ulong mount)
    {
        ulong child = memory.Value(LinuxField.MountChild);
        ulong children = memory.Value(LinuxField.MountChildren);
        if (!LinkedList.TryFollow(ref memory, mount + children, out ulong next))
        {
            return false;
        }

        // Each must point to what it is mounted on: so no pointer, however wrong, leads in circles.
        if (next != mount + children)
        {
            ulong above = mount;
            mount = next - child;
            return IsOn(ref memory, mount, above);
        }

        for (int depth = 0; depth < DepthMax; depth++)
        {
            if (mount == root)
            {
                mount = 0;
                return true;
            }

            if (!memory.TryRead(mount, LinuxField.MountParent, out ulong parent) || !LinkedList.TryFollow(ref memory, mount + child, out next))
            {
                return false;
            }

            if (next != parent + children)
            {
                mount = next - child;
                return IsOn(ref memory, mount, parent);
            }

            mount = parent;
        }

        return false;
    }

    /// <summary>Reads the path of a mount from the namespace's root on.</summary>
    /// <param name="memory">Linux's memory.</param>
    /// <param name="mount">The mount.</param>
    /// <param name="root">The namespace's root.</param>
    /// <param name="space">Room for it.</param>
    /// <returns>
    /// The part of <paramref name="space"/> that it takes; it begins with dots where there is no room for what comes before, or that cannot be read.
    /// </returns>
    public static ReadOnlySpan<byte> ReadPath(ref LinuxMemory memory, ulong mount, ulong root, Span<byte> space)
    {
        int start = space.Length;
        int names = 0;
        for (int mounts = 0; mount != root; mounts++)
        {
            if (mounts == DepthMax || !memory.TryRead(mount, LinuxField.MountPoint, out ulong entry)
                || !memory.TryRead(mount, LinuxField.MountParent, out ulong parent) || !memory.TryRead(parent, LinuxField.MountRoot, out ulong top)
                || !TryAddNames(ref memory, entry, top, space, ref start, ref names))
            {
                start -= Cut.Length;
                Cut.CopyTo(space[start..]);
                return space[start..];
            }

            mount = parent;
        }

        if (start == space.Length)
        {
            space[--start] = (byte)'/';
        }

        return space[start..];
    }

    private static bool IsOn(ref LinuxMemory memory, ulong mount, ulong parent)
        => memory.TryRead(mount, LinuxField.MountParent, out ulong found) && found == parent;

    /// <summary>Puts the names from a file system's root down to an entry before a path.</summary>
    private static bool TryAddNames(ref LinuxMemory memory, ulong entry, ulong top, Span<byte> space, ref int start, ref int names)
    {
        Span<byte> name = stackalloc byte[NameMax];
        while (entry != top)
        {
            if (++names > DepthMax || !memory.TryRead(entry, LinuxField.EntryName, out ulong text)
                || !memory.TryRead(entry, LinuxField.EntryNameLength, out uint length) || length is 0 or > NameMax || length + 1 > start - Cut.Length
                || !memory.TryRead(text, name[..(int)length]) || !memory.TryRead(entry, LinuxField.EntryParent, out ulong parent) || parent == entry)
            {
                return false;
            }

            start -= (int)length;
            name[..(int)length].CopyTo(space[start..]);
            space[--start] = (byte)'/';
            entry = parent;
        }

        return true;
    }
}
