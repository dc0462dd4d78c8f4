using System.IO;
using System.Text.Json.Serialization;
using Sos.Cores.Native;
using Sos.Cores.Running;

namespace Sos.Cores.Isolation;

/// <summary>The two processes of a service on an isolated core. Linux gives process ids out again: with the start time it is the same for sure.</summary>
/// <param name="Runner">Id of the process in which the service runs.</param>
/// <param name="RunnerStart">When it was started, in clock ticks since boot.</param>
/// <param name="Keeper">Id of its keeper.</param>
/// <param name="KeeperStart">When that was started.</param>
/// <param name="Scheduling">How the service's thread is scheduled, in a few words.</param>
/// <param name="Method">How its packets move, in a few words; null without a network device.</param>
/// <param name="ThrottleBefore">kernel.sched_rt_runtime_us as it was before it was lifted for this service; null when it was not.</param>
/// <param name="WatchdogNs">The watchdog's bound; 0 without one.</param>
/// <param name="Namespace">The process-id namespace in which these are their ids: "pid:[INODE]".</param>
public sealed record RunRecord(
    int Runner, ulong RunnerStart, int Keeper, ulong KeeperStart, string Scheduling, string? Method, string? ThrottleBefore,
    ulong WatchdogNs = 0, string? Namespace = null)
{
    /// <summary>The file in a core's folder that is locked as long as one of the two processes lives: that can be seen from any namespace.</summary>
    public const string AliveFile = "alive";

    private const string FileName = "run.json";

    private static readonly JsonFile<RunRecord> Files = new(RunRecordJson.Default.RunRecord);

    private string _folder = "";

    /// <summary>Which process-id namespace we are in.</summary>
    public static string? OwnNamespace => new FileInfo("/proc/self/ns/pid").LinkTarget;

    /// <summary>Whether the ids mean anything here.</summary>
    [JsonIgnore]
    public bool IsOurNamespace => Namespace is null || Namespace == OwnNamespace;

    /// <summary>Whether the service's process is there.</summary>
    [JsonIgnore]
    public bool RunnerLives => IsOurNamespace ? ThreadMask.StartTimeOf(Runner) == RunnerStart : OneLives;

    /// <summary>Whether its keeper is.</summary>
    [JsonIgnore]
    public bool KeeperLives => IsOurNamespace ? ThreadMask.StartTimeOf(Keeper) == KeeperStart : OneLives;

    private bool OneLives => CoreLock.IsLocked(Path.Combine(_folder, AliveFile));

    /// <summary>Reads the record in a core's folder.</summary>
    /// <returns>Null when nothing was started.</returns>
    public static RunRecord? Read(string folder)
    {
        RunRecord? record = Files.Read(Path.Combine(folder, FileName), "end the core's processes 'sos-runner' by hand, and remove it");
        if (record is not null)
        {
            record._folder = folder;
        }

        return record;
    }

    /// <summary>Writes it, at once or not at all.</summary>
    public void Write(string folder) => Files.Write(Path.Combine(folder, FileName), this);

    /// <summary>Forgets it.</summary>
    public static void Delete(string folder) => File.Delete(Path.Combine(folder, FileName));
}

/// <summary>How records are written.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(RunRecord))]
internal sealed partial class RunRecordJson : JsonSerializerContext;
