using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using Sos.Cores;
using Sos.Firewall.Rules;
using Sos.Firewall.Rules.Prefilter;
using Sos.Router.Control.Linux;
using Sos.Router.Filter;
using Sos.Sdk.Memory;

namespace Sos.Router.Control.Filter;

/// <summary>
/// Gives the core Linux's rules for forwarded packets, generation by generation. Reading and compiling them takes long: that is done on a thread of its own,
/// and until it is done the packets are Linux's.
/// </summary>
/// <param name="memory">Where the core takes them from.</param>
/// <param name="log">Takes what a person should know.</param>
internal sealed unsafe class FilterFollower(FilterMemory memory, Action<string> log)
{
    private const int ReadingsMax = 10;

    // What keeps the rules from the core may be gone without a change of them: nft was not installed.
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMinutes(1);

    private readonly FilterMemory _memory = memory;
    private Build? _running;
    private Build? _last;
    private ulong _request;

    private bool IsAnswered => MemoryOrdering.LoadAcquire(ref _memory.Header->Answered) == _memory.Header->Request;

    /// <summary>Goes on with what has come to its end.</summary>
    /// <returns>Whether anything has: then <see cref="TryFollow"/> may say something else.</returns>
    public bool TakeNews()
    {
        (Build? running, ulong request) = (_running, _request);
        Take();
        return _running != running || _request != request;
    }

    /// <summary>Sees to it that the core judges by a generation of the rules.</summary>
    /// <param name="generation">The generation.</param>
    /// <param name="interfaces">The router's interfaces by number; null for numbers that nobody has.</param>
    /// <param name="obstacle">Why it never will; null if it may, later.</param>
    /// <returns>Whether it does now.</returns>
    public bool TryFollow(ulong generation, IReadOnlyList<FilteredInterface?> interfaces, out string? obstacle)
    {
        Take();
        bool isLast = _last is { } last && last.Generation == generation && last.Interfaces.SequenceEqual(interfaces);
        obstacle = isLast ? _last!.Rules?.Obstacle : null;
        if (_running is null && (!isLast || (obstacle is not null && Stopwatch.GetElapsedTime(_last!.StartedAt) >= RetryEvery)))
        {
            _running = Build.Start(interfaces);
        }

        if (obstacle is not null)
        {
            return false;
        }

        // What one before has given the core holds until there is another.
        bool isCurrent = isLast || _last is null;
        return isCurrent && IsAnswered && MemoryOrdering.LoadAcquire(ref _memory.Header->Active) == generation;
    }

    private void Take()
    {
        if (_running is { IsDone: true } done && IsAnswered)
        {
            _running = null;
            _last = done;
            if (done.Rules is { Obstacle: null } rules)
            {
                Give(rules);
            }
        }

        _request = IsAnswered ? 0 : _request;
    }

    private void Give(ForwardRules rules)
    {
        _request = _memory.Header->Request + 1;
        rules.Bytes.CopyTo(new Span<byte>(_memory.SlotOf(_request), (int)FilterMemory.SlotSize));
        MemoryOrdering.StoreRelease(ref _memory.Header->Request, _request);
        if (rules.Left.Count > 0)
        {
            log($"the core filters forwarded packets by Linux's rules, and leaves to Linux what may meet {rules.Left.Count} of them: "
                + "'sosctl router check' names these");
        }
    }

    /// <summary>Reads and compiles the rules once, on a thread of its own in the network namespace of who starts it.</summary>
    private sealed class Build
    {
        private volatile bool _isDone;

        private Build(IReadOnlyList<FilteredInterface?> interfaces) => Interfaces = interfaces;

        public IReadOnlyList<FilteredInterface?> Interfaces { get; }

        public bool IsDone => _isDone;

        public long StartedAt { get; } = Stopwatch.GetTimestamp();

        public ulong Generation { get; private set; }

        public ForwardRules? Rules { get; private set; }

        public static Build Start(IReadOnlyList<FilteredInterface?> interfaces)
        {
            Build build = new([.. interfaces]);
            new Thread(build.Run) { Name = "sos-rules", IsBackground = true }.Start();
            return build;
        }

        private void Run()
        {
            try
            {
                using LinuxNetwork network = new();
                (RulesetListing listing, Generation) = ReadWhole(network);
                Rules = ForwardRules.Compile(listing, Interfaces, Generation);
            }
            catch (Exception e) when (e is RulesetLoadException or SosException or IOException or UnauthorizedAccessException)
            {
                Rules = new ForwardRules([], e.Message.ReplaceLineEndings("; "), [], false);
            }

            _isDone = true;
        }

        // A listing is of one generation if that is the same before and after.
        private (RulesetListing Listing, ulong Generation) ReadWhole(LinuxNetwork network)
        {
            for (int reading = 0; ; reading++)
            {
                Generation = network.RulesetGeneration();
                RulesetListing listing = RulesetLister.ListLive();
                if (network.RulesetGeneration() == Generation || reading == ReadingsMax)
                {
                    return (listing, Generation);
                }
            }
        }
    }
}
