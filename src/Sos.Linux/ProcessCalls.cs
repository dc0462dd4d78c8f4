using System.Runtime.InteropServices;

namespace Sos.Linux;

/// <summary>The system calls for memory shared with a process, for starting and ending it, and for its rights.</summary>
public static unsafe partial class ProcessCalls
{
    public const uint MemfdCloseOnExec = 1; // MFD_CLOEXEC
    public const int EventNonBlocking = 0x800; // EFD_NONBLOCK
    public const int EventCloseOnExec = 0x80000; // EFD_CLOEXEC, O_CLOEXEC
    public const int WaitNoHang = 1; // WNOHANG

    /// <summary>Room for posix_spawn_file_actions_t of glibc, which has 80 bytes.</summary>
    public const int FileActionsSize = 256;

    [LibraryImport("libc", EntryPoint = "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "getrlimit", SetLastError = true)]
    public static partial int GetLimit(int resource, ulong* limit);

    public const int DuplicateCloseOnExec = 1030; // F_DUPFD_CLOEXEC
    public const int SetFlags = 4; // F_SETFL
    public const int SetOwner = 8; // F_SETOWN
    public const int SetSignal = 10; // F_SETSIG
    public const int Asynchronous = 0x2000; // O_ASYNC

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    public static partial int Fcntl(int descriptor, int command, int argument);

    public const int AllAsTouched = 1 | 2 | 4; // MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT

    [LibraryImport("libc", EntryPoint = "mlockall", SetLastError = true)]
    public static partial int LockMemory(int flags);

    public const int LockExclusive = 2; // LOCK_EX
    public const int LockWithoutWaiting = 4; // LOCK_NB

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    public static partial int Lock(int descriptor, int operation);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    public static partial int Truncate(int descriptor, nint size);

    [LibraryImport("libc", EntryPoint = "eventfd", SetLastError = true)]
    public static partial int EventFd(uint initial, int flags);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    public static partial int Pipe(int* descriptors, int flags);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_init")]
    public static partial int FileActionsInit(void* actions);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_adddup2")]
    public static partial int FileActionsAddDup(void* actions, int descriptor, int newDescriptor);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_destroy")]
    public static partial int FileActionsDestroy(void* actions);

    /// <summary>Room for posix_spawnattr_t of glibc, which has 336 bytes.</summary>
    public const int AttributesSize = 512;

    public const short SpawnNewSession = 0x80; // POSIX_SPAWN_SETSID

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addopen", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int FileActionsAddOpen(void* actions, int descriptor, string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "posix_spawn_file_actions_addclosefrom_np")]
    public static partial int FileActionsAddCloseFrom(void* actions, int first);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_init")]
    public static partial int AttributesInit(void* attributes);

    [LibraryImport("libc", EntryPoint = "posix_spawnattr_setflags")]
    public static partial int AttributesSetFlags(void* attributes, short flags);

    [LibraryImport("libc", EntryPoint = "posix_spawn", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int Spawn(
        int* process, string path, void* actions, void* attributes, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "waitpid", SetLastError = true)]
    public static partial int WaitProcess(int process, int* status, int options);

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    public static partial int Kill(int process, int signal);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    public static partial nint Write(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    public static partial nint Read(int descriptor, void* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "getpid")]
    public static partial int GetProcessId();

    [LibraryImport("libc", EntryPoint = "getppid")]
    public static partial int GetParentId();

    [LibraryImport("libc", EntryPoint = "setrlimit", SetLastError = true)]
    public static partial int SetLimit(int resource, ulong* limit);

    [LibraryImport("libc", EntryPoint = "prctl", SetLastError = true)]
    public static partial int ProcessControl(int operation, nuint first, nuint second, nuint third, nuint fourth);

    [LibraryImport("libc", EntryPoint = "capset", SetLastError = true)]
    public static partial int SetCapabilities(uint* header, uint* data);

    [LibraryImport("libc", EntryPoint = "execve", SetLastError = true)]
    public static partial int Execve(byte* path, byte** arguments, byte** environment);

    [LibraryImport("libc", EntryPoint = "_exit")]
    public static partial void ExitNow(int status);
}
