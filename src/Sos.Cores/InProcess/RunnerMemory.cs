using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Sos.Abi;
using Sos.Cores.Loading;
using Sos.Cores.Native;
using Sos.Linux;

namespace Sos.Cores.InProcess;

/// <summary>
/// The memory that a runner is given: its page, and the regions of its service. Where there is a folder, what the service shares lies in
/// files there, so that any later program finds it; all else is memory without a name, which ends with the last process that has it.
/// </summary>
internal sealed unsafe class RunnerMemory : IDisposable
{
    private const string PageFile = "page";
    private const uint OwnerOnly = 0x180; // S_IRUSR | S_IWUSR; 0x40: S_IXUSR

    private readonly List<(RegionRequest Request, FileDescriptor Memory, ulong Offset)> _regions = [];
    private readonly string? _folder;
    private readonly MappedMemory _pageMemory;

    /// <summary>Makes an empty page without a folder; with one, uses the page that is there or makes it.</summary>
    public RunnerMemory(string? folder = null)
    {
        _folder = folder;
        PageHandle = folder is null ? RunnerProcess.MakeMemory("sos-runner", PageSize) : OpenPage(folder);
        _pageMemory = MappedMemory.Map(PageHandle, 0, PageSize);
        if (Page->Magic != 0 && Page->Magic != RunnerPage.MagicValue)
        {
            Dispose();
            throw OtherVersion(folder);
        }
    }

    /// <summary>The page's memory.</summary>
    public FileDescriptor PageHandle { get; }

    /// <summary>The page.</summary>
    public RunnerPage* Page => (RunnerPage*)_pageMemory.Address;

    /// <summary>Regions so far.</summary>
    public int Count => _regions.Count;

    private static ulong PageSize => AddressSpace.ToPages((ulong)sizeof(RunnerPage));

    /// <summary>Makes the folder with an empty page, for this user alone.</summary>
    public static void MakeFolder(string folder)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(folder)!);
        if (Libc.MakeDirectory(folder, OwnerOnly | 0x40) != 0 && !Directory.Exists(folder))
        {
            throw Errno.ToException($"making {folder}", Marshal.GetLastPInvokeError(), null);
        }

        MakeFile(Path.Combine(folder, PageFile), PageSize).Dispose();
    }

    /// <summary>Maps a shared region of a service that another program has loaded.</summary>
    public static MappedMemory MapShared(string folder, ulong offset, ulong size)
    {
        using FileDescriptor file = OpenFile(RegionPath(folder, offset));
        return MappedMemory.Map(file, 0, size);
    }

    /// <summary>A descriptor of a shared region's memory, which has nothing else in it.</summary>
    public static SafeFileHandle Export(string folder, ulong offset)
    {
        int descriptor = Libc.Open(RegionPath(folder, offset), Libc.OpenReadWrite | Libc.OpenCloseOnExec);
        return descriptor >= 0
            ? new SafeFileHandle(descriptor, ownsHandle: true)
            : throw Errno.ToException($"opening {RegionPath(folder, offset)}", Marshal.GetLastPInvokeError(), null);
    }

    /// <summary>Maps a file of shared memory.</summary>
    public static MappedMemory MapFile(string path, ulong size)
    {
        using FileDescriptor file = OpenFile(path);
        return MappedMemory.Map(file, 0, size);
    }

    /// <summary>Makes or empties a file of shared memory, for this user alone, and maps it.</summary>
    public static SharedFile MakeShared(string path, ulong size)
    {
        FileDescriptor handle = MakeFile(path, size);
        try
        {
            return new SharedFile(handle, MappedMemory.Map(handle, 0, size));
        }
        catch
        {
            handle.Dispose();
            throw;
        }
    }

    /// <summary>Removes the files of all regions.</summary>
    public static void Clear(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder, "region-*"))
        {
            File.Delete(path);
        }
    }

    /// <summary>Makes a region of memory.</summary>
    /// <exception cref="SosException">It may not be such.</exception>
    public TargetRegion Add(RegionRequest request)
    {
        if (request.Kind == RegionKind.Bar)
        {
            throw new SosException(SosError.Refused, $"region at 0x{request.Address:x}: a process has no BARs");
        }

        bool named = _folder is not null && IsShared(request);
        FileDescriptor memory = named
            ? MakeFile(RegionPath(_folder!, (ulong)_regions.Count), request.Size)
            : RunnerProcess.MakeMemory($"sos-{request.Address:x}", request.Size);
        return Add(request, memory, 0);
    }

    /// <summary>Adds a region that something else has made: the rings of a socket, for instance.</summary>
    public TargetRegion Add(RegionRequest request, FileDescriptor memory, ulong offset)
    {
        if (_regions.Count == RunnerPage.RegionsMax)
        {
            throw new SosException(SosError.Refused, $"region at 0x{request.Address:x}: a service has {RunnerPage.RegionsMax} at most");
        }

        if (request.Protection.HasFlag(RegionProtection.Write) && request.Protection.HasFlag(RegionProtection.Execute))
        {
            throw new SosException(SosError.Refused, $"region at 0x{request.Address:x}: never writable and executable");
        }

        _regions.Add((request, memory, offset));
        return new TargetRegion((uint)_regions.Count - 1, request.Size, (ulong)_regions.Count - 1);
    }

    /// <summary>Maps a region.</summary>
    public MappedMemory Map(TargetRegion region)
        => MappedMemory.Map(_regions[(int)region.Index].Memory, _regions[(int)region.Index].Offset, region.Size);

    /// <summary>Maps a region that the service shares.</summary>
    /// <param name="offset">Its <see cref="TargetRegion.MapOffset"/>.</param>
    /// <param name="size">Bytes.</param>
    /// <exception cref="SosException">There is no such region, or the service has it for itself.</exception>
    public MappedMemory MapShared(ulong offset, ulong size) => MappedMemory.Map(SharedAt(offset), 0, size);

    /// <summary>A descriptor of the memory of a region that the service shares, which has nothing else in it.</summary>
    /// <param name="offset">Its <see cref="TargetRegion.MapOffset"/>.</param>
    /// <exception cref="SosException">There is no such region, or the service has it for itself.</exception>
    public SafeFileHandle Export(ulong offset)
    {
        int copy = ProcessCalls.Fcntl(SharedAt(offset).Descriptor, ProcessCalls.DuplicateCloseOnExec, 0);
        return copy >= 0
            ? new SafeFileHandle(copy, ownsHandle: true)
            : throw Errno.ToException("lending memory of a service", Marshal.GetLastPInvokeError(), null);
    }

    /// <summary>Finds the region that the service sees at an address.</summary>
    /// <exception cref="SosException">No region starts there.</exception>
    public (FileDescriptor Memory, ulong Size) At(ulong address)
    {
        int index = _regions.FindIndex(region => region.Request.Address == address);
        return index >= 0
            ? (_regions[index].Memory, _regions[index].Request.Size)
            : throw new SosException(SosError.NotFound, $"no region starts at 0x{address:x}");
    }

    /// <summary>Maps the region that the service sees at an address.</summary>
    /// <exception cref="SosException">No region starts there.</exception>
    public MappedMemory MapAt(ulong address)
    {
        (FileDescriptor memory, ulong size) = At(address);
        return MappedMemory.Map(memory, 0, size);
    }

    /// <summary>Writes the regions and where to start into the page, all else of which is cleared but for the counts of a core's life.</summary>
    /// <returns>The regions' memories in the order of their descriptors.</returns>
    public List<FileDescriptor> Fill(ulong entry, ulong stackTop, ulong argument)
    {
        (ulong starts, ulong faults) = (Page->Starts, Page->Faults);
        _pageMemory.Slice(0, _pageMemory.Size).Clear();
        (Page->Starts, Page->Faults) = (starts, faults);
        (Page->Entry, Page->StackTop, Page->Argument) = (entry, stackTop, argument);
        List<FileDescriptor> memories = [];
        foreach ((RegionRequest request, FileDescriptor memory, ulong offset) in _regions)
        {
            Page->Regions[memories.Count] = new RunnerRegion
            {
                Address = request.Address,
                Size = request.Size,
                Offset = offset,
                Descriptor = RunnerProcess.FirstRegionDescriptor + memories.Count,
                Protection = (uint)request.Protection,
            };
            memories.Add(memory);
        }

        Page->RegionCount = (uint)memories.Count;
        return memories;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach ((_, FileDescriptor memory, _) in _regions)
        {
            memory.Dispose();
        }

        _pageMemory.Dispose();
        PageHandle.Dispose();
    }

    private static bool IsShared(RegionRequest request) => request.Flags.HasFlag(RegionFlags.Shared) || request.Kind == RegionKind.Control;

    private FileDescriptor SharedAt(ulong offset) => offset < (ulong)_regions.Count && IsShared(_regions[(int)offset].Request)
        ? _regions[(int)offset].Memory
        : throw new SosException(SosError.NotFound, $"the service shares no region {offset} with Linux: its record is another service's");

    private static string RegionPath(string folder, ulong index) => Path.Combine(folder, $"region-{index}");

    private static FileDescriptor OpenPage(string folder)
    {
        FileDescriptor page = OpenFile(Path.Combine(folder, PageFile));
        if (new FileInfo(Path.Combine(folder, PageFile)).Length == (long)PageSize)
        {
            return page;
        }

        page.Dispose();
        throw OtherVersion(folder);
    }

    private static SosException OtherVersion(string? folder)
        => new(SosError.Failed, $"{folder} is of another version of sosctl: give the core back with that one, or reboot");

    /// <summary>Makes or empties a file, for this user alone.</summary>
    public static FileDescriptor MakeFile(string path, ulong size)
    {
        const int flags = Libc.OpenReadWrite | Libc.OpenCloseOnExec | Libc.OpenCreate | Libc.OpenTruncate;
        int descriptor = Libc.OpenWithMode(path, flags, OwnerOnly);
        if (descriptor < 0)
        {
            throw Errno.ToException($"making {path}", Marshal.GetLastPInvokeError(), null);
        }

        FileDescriptor file = FileDescriptor.Raise(descriptor, "sharing memory");
        if (ProcessCalls.Truncate(file.Descriptor, (nint)size) == 0)
        {
            return file;
        }

        int errno = Marshal.GetLastPInvokeError();
        file.Dispose();
        throw Errno.ToException($"making {size} bytes of shared memory", errno, null);
    }

    private static FileDescriptor OpenFile(string path)
    {
        int descriptor = Libc.Open(path, Libc.OpenReadWrite | Libc.OpenCloseOnExec);
        return descriptor < 0
            ? throw Errno.ToException($"opening {path}", Marshal.GetLastPInvokeError(), null)
            : FileDescriptor.Raise(descriptor, "sharing memory");
    }

    /// <summary>A file of shared memory, open and mapped.</summary>
    internal sealed record SharedFile(FileDescriptor Handle, MappedMemory Memory) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            Memory.Dispose();
            Handle.Dispose();
        }
    }
}
