using System;
using Sos.RemoteConsole.View;

namespace Sos.RemoteConsole.Commands.Linux;

/// <summary><c>mounts</c>: the file systems that Linux has mounted.</summary>
internal readonly struct MountsCommand : ICommand
{
    /// <summary>Bytes of the row's texts at most. In JSON a byte may take six: those that do not fit are left out.</summary>
    private const int PathMax = 400;
    private const int DeviceMax = 200;
    private const int TypeMax = 60;

    private const int At = 0;
    private const int Root = 1;
    private const int Number = 2;
    private const int Seen = 3;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Name => "mounts"u8;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Arguments => default;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Explanation => "the file systems that Linux has mounted; those of containers are not among them"u8;

    /// <inheritdoc/>
    public static CommandForm Form => CommandForm.Table;

    /// <inheritdoc/>
    public static ReadOnlySpan<byte> Heading => "PATH                                      TYPE        DEVICE                OPTIONS"u8;

    /// <inheritdoc/>
    public static CommandProgress Step(ref CommandRun run)
    {
        ref LinuxMemory linux = ref run.Context.Linux;
        if (!LinuxView.IsOpen(ref run, LinuxField.InitTask))
        {
            return CommandProgress.Done;
        }

        if (!linux.Symbols.HasAll(LinuxField.TaskNamespaces, LinuxField.FileSystemName))
        {
            return run.Fail("this kernel did not tell where that is"u8);
        }

        Span<ulong> kept = run.State.Kept;
        if (kept[At] == 0)
        {
            if (!LinuxMount.TryFindRoot(ref linux, out kept[Root]))
            {
                return run.Fail("the mounts cannot be read"u8);
            }

            kept[At] = kept[Root];
        }
        else if (!LinuxMount.IsThere(ref linux, kept[At], kept[Root], (int)kept[Number]) || !LinuxMount.TryFollow(ref linux, kept[Root], ref kept[At])
            || ++kept[Seen] > LinuxMount.MountsMax)
        {
            return run.Fail("the mounts changed while they were read, or are torn: ask again"u8);
        }

        if (kept[At] == 0)
        {
            return CommandProgress.Done;
        }

        _ = linux.TryRead(kept[At], LinuxField.MountNumber, out uint number);
        kept[Number] = number;
        Write(ref run, ref linux, kept[At], kept[Root]);
        return CommandProgress.More;
    }

    private static void Write(ref CommandRun run, ref LinuxMemory linux, ulong mount, ulong root)
    {
        Span<byte> space = stackalloc byte[PathMax];
        bool isJson = run.State.IsJson;
        RowWriter row = run.BeginRow();
        ReadOnlySpan<byte> path = LinuxMount.ReadPath(ref linux, mount, root, space);
        row.Text("path"u8, path[^Fitting(path, PathMax, isJson)..], 40);
        _ = linux.TryRead(mount, LinuxField.MountSuper, out ulong super);
        _ = linux.TryRead(super, LinuxField.SuperType, out ulong type);
        row.Text("type"u8, ReadText(ref linux, type, LinuxField.FileSystemName, space[..TypeMax], isJson), 10);
        row.Text("device"u8, ReadText(ref linux, mount, LinuxField.MountDevice, space[..DeviceMax], isJson), 20);
        WriteOptions(ref linux, mount, super, ref row);
        row.End();
    }

    private static ReadOnlySpan<byte> ReadText(ref LinuxMemory linux, ulong whole, LinuxField pointer, Span<byte> space, bool isJson)
    {
        if (!linux.TryRead(whole, pointer, out ulong address))
        {
            return default;
        }

        ReadOnlySpan<byte> text = linux.ReadText(address, space);
        return text[..Fitting(text, space.Length, isJson)];
    }

    /// <summary>Returns how many bytes of a text fit, whichever: in JSON some take more room than one.</summary>
    private static int Fitting(ReadOnlySpan<byte> text, int room, bool isJson)
    {
        int escaped = 0;
        foreach (byte each in text)
        {
            escaped += !isJson ? 0 : each is < 0x20 or > 0x7e ? 5 : each is (byte)'"' or (byte)'\\' ? 1 : 0;
        }

        return text.Length + escaped <= room ? text.Length : Math.Min(text.Length, room / 6);
    }

    // MNT_* of include/linux/mount.h, and SB_RDONLY; in the order of /proc/mounts.
    private static void WriteOptions(ref LinuxMemory linux, ulong mount, ulong super, ref RowWriter row)
    {
        Span<byte> space = stackalloc byte[64];
        _ = linux.TryRead(mount, LinuxField.MountFlags, out uint flags);
        _ = linux.TryRead(super, LinuxField.SuperFlags, out ulong superFlags);
        int length = 0;
        Add((flags & 0x40) != 0 || (superFlags & 1) != 0 ? "ro"u8 : "rw"u8, space, ref length);
        Add((flags & 1) != 0 ? ",nosuid"u8 : default, space, ref length);
        Add((flags & 2) != 0 ? ",nodev"u8 : default, space, ref length);
        Add((flags & 4) != 0 ? ",noexec"u8 : default, space, ref length);
        Add((flags & 8) != 0 ? ",noatime"u8 : default, space, ref length);
        Add((flags & 0x10) != 0 ? ",nodiratime"u8 : default, space, ref length);
        Add((flags & 0x20) != 0 ? ",relatime"u8 : default, space, ref length);
        row.Text("options"u8, space[..length], 20);
    }

    private static void Add(ReadOnlySpan<byte> word, Span<byte> space, ref int length)
    {
        word.CopyTo(space[length..]);
        length += word.Length;
    }
}
