using System;
using System.IO;
using Sos.Cores.BackEnds;
using Sos.Cores.InProcess;

namespace Sos.Cores.Operations;

/// <summary>
/// Cores of this program's own, for its measurements and tests: all operations work on them as on any other. Their services are processes on cpus that
/// Linux keeps. Nobody else sees them, and they end with this.
/// </summary>
public sealed class ProgramCores : IDisposable
{
    private readonly ProcessBackEnd _backEnd;
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("sos-program-");

    /// <summary>Begins without a core.</summary>
    /// <param name="runner">The runner program; null for the one that SOS_RUNNER names, that lies beside this program, or that is installed.</param>
    /// <param name="bind">Whether a service is bound to its core's cpu; if not, the cpu's number is no more than the core's name.</param>
    /// <param name="lockMemory">Whether a service's memory is locked (needs CAP_IPC_LOCK or a limit that allows it).</param>
    public ProgramCores(string? runner = null, bool bind = true, bool lockMemory = false)
    {
        _backEnd = new ProcessBackEnd(new ProcessOptions { RunnerPath = runner, Bind = bind, LockMemory = lockMemory });
        BackEnds = new CoreBackEnds([_backEnd], _folder.FullName);
    }

    /// <summary>The back ends that operations on these cores are made with: there is one.</summary>
    public CoreBackEnds BackEnds { get; }

    /// <summary>Adds a core.</summary>
    /// <param name="cpu">The cpu's logical id.</param>
    /// <returns>The core, open.</returns>
    /// <exception cref="SosException">There is one already, or no runner program.</exception>
    public IServiceCore Add(int cpu)
    {
        if (_backEnd.Obstacle is { } obstacle)
        {
            throw obstacle;
        }

        _ = _backEnd.Reserve(cpu, new CoreOptions(), lease: null);
        return _backEnd.Open(cpu);
    }

    /// <summary>Ends all cores, whatever runs there.</summary>
    public void Dispose()
    {
        _backEnd.Dispose();
        if (Directory.Exists(_folder.FullName))
        {
            _folder.Delete(recursive: true);
        }
    }
}
