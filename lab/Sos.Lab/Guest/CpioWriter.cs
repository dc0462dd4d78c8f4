using System;
using System.IO;
using System.Text;

namespace Sos.Lab.Guest;

/// <summary>
/// Writes an initramfs: a cpio archive in the "newc" format (Linux: Documentation/driver-api/early-userspace/buffer-format.rst).
/// </summary>
internal sealed class CpioWriter(Stream stream)
{
    private const int TypeDirectory = 0x4000;
    private const int TypeFile = 0x8000;
    private const int TypeLink = 0xA000;
    private const int Alignment = 4;
    private int _inode;
    private long _position;

    /// <summary>Adds a directory; its parents must stand before it.</summary>
    public void AddDirectory(string path, int mode = 0x1ED) => AddEntry(path, TypeDirectory | mode, []);

    /// <summary>Adds a symbolic link.</summary>
    public void AddLink(string path, string target) => AddEntry(path, TypeLink | 0x1FF, Encoding.UTF8.GetBytes(target));

    /// <summary>Adds a regular file.</summary>
    public void AddFile(string path, ReadOnlySpan<byte> content, int mode) => AddEntry(path, TypeFile | mode, content);

    /// <summary>Ends the archive.</summary>
    public void Finish() => AddEntry("TRAILER!!!", 0, []);

    private void AddEntry(string path, int mode, ReadOnlySpan<byte> content)
    {
        byte[] name = Encoding.UTF8.GetBytes(path.TrimStart('/'));
        int links = (mode & TypeDirectory) != 0 && (mode & TypeFile) == 0 ? 2 : 1;
        // magic, ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        string header = $"070701{++_inode:X8}{mode:X8}{0:X8}{0:X8}{links:X8}{0:X8}{content.Length:X8}{0:X8}{0:X8}{0:X8}{0:X8}"
            + $"{name.Length + 1:X8}{0:X8}";
        Write(Encoding.ASCII.GetBytes(header));
        Write(name);
        Write([0]);
        Pad();
        Write(content);
        Pad();
    }

    private void Write(ReadOnlySpan<byte> bytes)
    {
        stream.Write(bytes);
        _position += bytes.Length;
    }

    private void Pad()
    {
        int odd = (int)(_position % Alignment);
        if (odd != 0)
        {
            Write(stackalloc byte[Alignment - odd]);
        }
    }
}
