using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.Json;
using Sos.RemoteConsole.Commands;
using Sos.RemoteConsole.View;
using Xunit;

namespace Sos.RemoteConsole.Tests.View;

/// <summary>The mounts of a Linux that the test makes up: their paths through several file systems, and trees that are torn or change meanwhile.</summary>
public sealed class MountTests : IDisposable
{
    private const ulong Parent = 0x10;
    private const ulong Point = 0x18;
    private const ulong Top = 0x20;
    private const ulong Super = 0x28;
    private const ulong Flags = 0x30;
    private const ulong Children = 0x60;
    private const ulong Child = 0x70;
    private const ulong Device = 0x80;
    private const ulong Number = 0x88;
    private const ulong EntryParent = 0x18;
    private const ulong EntryLength = 0x24;
    private const ulong EntryName = 0x28;

    private readonly SyntheticLinux _linux = new();
    private readonly ulong _root;
    private readonly ulong _rootTop;
    private int _number = 20;

    public MountTests()
    {
        (LinuxField Field, ulong Value)[] layout =
        [
            (LinuxField.InitTask, SyntheticLinux.Image(0x4000)), (LinuxField.TaskNamespaces, 0x90), (LinuxField.NamespacesMounts, 0x18),
            (LinuxField.MountsRoot, 0x50),
            (LinuxField.MountParent, Parent), (LinuxField.MountPoint, Point), (LinuxField.MountRoot, Top), (LinuxField.MountSuper, Super),
            (LinuxField.MountFlags, Flags), (LinuxField.MountChildren, Children), (LinuxField.MountChild, Child), (LinuxField.MountDevice, Device),
            (LinuxField.MountNumber, Number), (LinuxField.EntryParent, EntryParent), (LinuxField.EntryName, EntryName),
            (LinuxField.EntryNameLength, EntryLength), (LinuxField.SuperType, 0x28), (LinuxField.SuperFlags, 0x50), (LinuxField.FileSystemName, 0),
        ];
        foreach ((LinuxField field, ulong value) in layout)
        {
            _linux.Values[field] = unchecked((long)value);
        }

        _rootTop = Entry(0, "/");
        _root = Mount(0, _rootTop, "rootfs", "none", _rootTop);
        ulong namespaces = _linux.Allocate(0x40);
        ulong mounts = _linux.Allocate(0x60);
        _linux.Write(SyntheticLinux.Image(0x4000) + 0x90, namespaces);
        _linux.Write(namespaces + 0x18, mounts);
        _linux.Write(mounts + 0x50, _root);
    }

    public void Dispose() => _linux.Dispose();

    [Fact]
    public void MountsAreShownWithTheirPathsThroughAllFileSystems()
    {
        ulong top = Entry(0, "/");
        ulong system = Mount(_root, _rootTop, "ext4", "/dev/vda1", top);
        ulong procTop = Entry(0, "/");
        ulong proc = Mount(system, Entry(top, "proc"), "proc", "proc", procTop, flags: 7);
        _ = Mount(proc, Entry(Entry(procTop, "sys"), "binfmt_misc"), "binfmt_misc", "systemd-1", Entry(0, "/"), flags: 0x47);
        ulong data = Mount(system, Entry(Entry(top, "srv"), "a \u0001\"b"), "xfs", "/dev/mapper/data", Entry(0, "/"), flags: 0x20, superFlags: 1);
        _ = Mount(data, BitConverter.ToUInt64(_linux.At(data + Top, 8)), "tmpfs", "over", Entry(0, "/"));
        using ViewShell shell = new(_linux);
        Assert.Equal(
            [
                "/ rootfs none rw", "/ ext4 /dev/vda1 rw", "/proc proc proc rw,nosuid,nodev,noexec",
                "/proc/sys/binfmt_misc binfmt_misc systemd-1 ro,nosuid,nodev,noexec", "/srv/a \u0001\"b xfs /dev/mapper/data ro,relatime",
                "/srv/a \u0001\"b tmpfs over rw",
            ],
            Rows(shell));
        string text = shell.Run("mounts");
        Assert.Contains("/srv/a ?\"b ", text, StringComparison.Ordinal);
        Assert.Equal(7, text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Length);
    }

    [Fact]
    public void LongAndStrangePathsAreCutAtTheirBeginning()
    {
        ulong top = Entry(0, "/");
        ulong system = Mount(_root, _rootTop, "ext4", new string('\u0001', 300), top);
        ulong entry = top;
        for (int i = 0; i < 30; i++)
        {
            entry = Entry(entry, new string('x', 20) + i);
        }

        _ = Mount(system, entry, "tmpfs", "t", Entry(0, "/"));
        ulong self = Entry(0, "/");
        _ = Mount(system, self, "tmpfs", "detached", Entry(0, "/")); // its mount point is in no file system
        using ViewShell shell = new(_linux);
        string[] rows = Rows(shell);
        Assert.Equal(4, rows.Length);
        Assert.StartsWith("...", rows[2], StringComparison.Ordinal);
        Assert.EndsWith("/xxxxxxxxxxxxxxxxxxxx29 tmpfs t rw", rows[2], StringComparison.Ordinal);
        Assert.Equal("... tmpfs detached rw", rows[3]);
        Assert.Contains("...", shell.Run("mounts"), StringComparison.Ordinal);
    }

    [Fact]
    public void ATreeThatIsTornOrChangesIsNotTakenForTruth()
    {
        ulong top = Entry(0, "/");
        ulong system = Mount(_root, _rootTop, "ext4", "/dev/vda1", top);
        List<ulong> mounts = [.. Enumerable.Range(0, 10).Select(i => Mount(system, Entry(top, $"m{i}"), "tmpfs", "t", Entry(0, "/")))];
        using ViewShell shell = new(_linux);
        Assert.Equal(12, Rows(shell).Length);
        _linux.Write(mounts[5] + Child, 0xdead_0000_0000_0100UL);
        string text = shell.Run("mounts");
        Assert.Contains("torn", text, StringComparison.Ordinal);
        Assert.Contains("/m5 ", text, StringComparison.Ordinal);
        Assert.DoesNotContain("/m6 ", text, StringComparison.Ordinal);
        Assert.Equal(CommandRun.Failure, shell.Status);

        // The memory of one that was unmounted is another's by then.
        _linux.Write(mounts[5] + Child, mounts[6] + Child);
        shell.Meanwhile = step => mounts.ForEach(mount => _linux.Write(mount + Number, 1000 + step));
        Assert.Contains("changed", shell.Run("mounts"), StringComparison.Ordinal);
        shell.Meanwhile = null;

        // A tree that has itself among its branches.
        _linux.Write(mounts[5] + Children, system + Child);
        _linux.Write(system + Child + 8, mounts[5] + Children);
        Assert.Contains("torn", shell.Run("mounts"), StringComparison.Ordinal);
        _linux.Write(SyntheticLinux.Image(0x4000) + 0x90, 0UL);
        Assert.Contains("cannot be read", shell.Run("mounts"), StringComparison.Ordinal);
    }

    [Fact]
    public void DamagedMountsMakeNoFaultAndEnd()
    {
        Random random = new(15);
        ulong top = Entry(0, "/");
        List<ulong> mounts = [_root, Mount(_root, _rootTop, "ext4", "/dev/vda1", top)];
        for (int i = 0; i < 10; i++)
        {
            mounts.Add(Mount(mounts[random.Next(mounts.Count)], Entry(top, $"m{i}"), "tmpfs", "t", Entry(0, "/")));
        }

        ulong first = mounts.Min();
        byte[] before = _linux.At(first, (int)(mounts.Max() + 0x100 - first)).ToArray();
        using ViewShell shell = new(_linux);
        for (int i = 0; i < 2000; i++)
        {
            for (int changes = random.Next(1, 5); changes > 0; changes--)
            {
                ulong place = mounts[random.Next(mounts.Count)] + (ulong)(random.Next(0x90) & ~7);
                _linux.Write(place, random.Next(3) == 0 ? (ulong)random.NextInt64() : mounts[random.Next(mounts.Count)] + (ulong)(random.Next(0x90) & ~7));
            }

            Assert.InRange(shell.Run("mounts").Length, 1, 1 << 20);
            _ = shell.Run("mounts --json");
            before.CopyTo(_linux.At(first, before.Length));
        }
    }

    private ulong Entry(ulong parent, string name)
    {
        ulong entry = _linux.Allocate(0x40);
        ulong text = _linux.Allocate(0x140, 8);
        _linux.Write(text, name);
        _linux.Write(entry + EntryParent, parent == 0 ? entry : parent);
        _linux.Write(entry + EntryLength, name.Length);
        _linux.Write(entry + EntryName, text);
        return entry;
    }

    private ulong Mount(ulong parent, ulong point, string type, string device, ulong top, int flags = 0, ulong superFlags = 0)
    {
        ulong mount = _linux.Allocate(0x100);
        ulong super = _linux.Allocate(0x60);
        ulong kind = _linux.Allocate(0x10);
        ulong names = _linux.Allocate(0x200);
        _linux.Write(names, type);
        _linux.Write(names + 0x80, device);
        _linux.Write(kind, names);
        _linux.Write(super + 0x28, kind);
        _linux.Write(super + 0x50, superFlags);
        _linux.Write(mount + Parent, parent == 0 ? mount : parent);
        _linux.Write(mount + Point, point);
        _linux.Write(mount + Top, top);
        _linux.Write(mount + Super, super);
        _linux.Write(mount + Flags, flags);
        _linux.Write(mount + Device, names + 0x80);
        _linux.Write(mount + Number, ++_number);
        _linux.Write(mount + Children, mount + Children);
        _linux.Write(mount + Children + 8, mount + Children);
        if (parent != 0)
        {
            ulong last = BitConverter.ToUInt64(_linux.At(parent + Children + 8, 8));
            _linux.Write(mount + Child, parent + Children);
            _linux.Write(mount + Child + 8, last);
            _linux.Write(last, mount + Child);
            _linux.Write(parent + Children + 8, mount + Child);
        }

        return mount;
    }

    private static string[] Rows(ViewShell shell)
    {
        using JsonDocument json = JsonDocument.Parse(shell.Run("mounts --json"));
        return
        [
            .. json.RootElement.EnumerateArray().Select(row => string.Join(
                ' ', new[] { "path", "type", "device", "options" }.Select(name => row.GetProperty(name).GetString()))),
        ];
    }
}
