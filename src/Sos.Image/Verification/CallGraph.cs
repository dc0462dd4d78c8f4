using System.Collections.Generic;
using System.Linq;

namespace Sos.Image.Verification;

/// <summary>Who calls whom: the way to each function, circles, and the worst case of stack use.</summary>
internal sealed class CallGraph
{
    /// <summary>So many calls of a way are named: no service that is written by hand has one as long.</summary>
    private const int PathMax = 1000;

    private readonly Dictionary<ulong, VerifiedFunction> _functions;
    private readonly Dictionary<ulong, CallSite> _reachedBy = [];
    private readonly Dictionary<ulong, ulong> _callerOf = [];

    public CallGraph(Dictionary<ulong, VerifiedFunction> functions, ulong entry)
    {
        _functions = functions;
        Queue<ulong> queue = new([entry]);
        _callerOf.Add(entry, entry);
        while (queue.TryDequeue(out ulong at))
        {
            foreach (CallSite call in functions[at].Calls)
            {
                if (functions.ContainsKey(call.Target) && _callerOf.TryAdd(call.Target, at))
                {
                    _reachedBy.Add(call.Target, call);
                    queue.Enqueue(call.Target);
                }
            }
        }
    }

    /// <summary>The places on a shortest way from the entry to an address of a function, the address itself last; of one that is very long the end.</summary>
    public List<ulong> PathTo(ulong function, ulong rva)
    {
        List<ulong> path = [rva];
        while (path.Count < PathMax && _reachedBy.TryGetValue(function, out CallSite call))
        {
            path.Add(call.Site);
            function = _callerOf[function];
        }

        path.Reverse();
        return path;
    }

    /// <summary>One circle of calls for each function that closes one, as the call sites along it, up to a number of circles.</summary>
    public List<List<CallSite>> Circles(int most)
    {
        List<List<CallSite>> circles = [];
        HashSet<ulong> done = [];
        HashSet<ulong> onPath = [];
        List<CallSite> path = [];
        Stack<(ulong Function, int Next)> stack = new();
        foreach (ulong root in _callerOf.Keys)
        {
            if (!done.Add(root))
            {
                continue;
            }

            stack.Push((root, 0));
            onPath.Add(root);
            while (circles.Count < most && stack.TryPop(out (ulong Function, int Next) top))
            {
                List<CallSite> calls = _functions[top.Function].Calls;
                if (top.Next == calls.Count)
                {
                    onPath.Remove(top.Function);
                    if (path.Count > 0)
                    {
                        path.RemoveAt(path.Count - 1);
                    }

                    continue;
                }

                stack.Push((top.Function, top.Next + 1));
                CallSite call = calls[top.Next];
                if (onPath.Contains(call.Target))
                {
                    int from = path.FindIndex(c => c.Target == call.Target);
                    circles.Add([.. path.Skip(from + 1), call]);
                }
                else if (_functions.ContainsKey(call.Target) && done.Add(call.Target))
                {
                    path.Add(call);
                    onPath.Add(call.Target);
                    stack.Push((call.Target, 0));
                }
            }
        }

        return circles;
    }

    /// <summary>The worst case of stack use in bytes, and the calls that lead to it. Only for a graph without circles.</summary>
    public (long Depth, List<CallSite> Path) DeepestFrom(ulong entry)
    {
        Dictionary<ulong, (long Depth, CallSite? Next)> depths = [];
        Stack<(ulong Function, int Next)> work = new([(entry, 0)]);
        while (work.TryPop(out (ulong Function, int Next) top))
        {
            (ulong at, int next) = top;
            List<CallSite> calls = _functions[at].Calls;
            int open = calls.FindIndex(next, c => _functions.ContainsKey(c.Target) && !depths.ContainsKey(c.Target));
            if (open >= 0)
            {
                work.Push((at, open + 1));
                work.Push((calls[open].Target, 0));
                continue;
            }

            (long Depth, CallSite? Next) worst = (_functions[at].OwnDepth, null);
            foreach (CallSite c in calls)
            {
                long depth = c.Depth + (depths.TryGetValue(c.Target, out (long Depth, CallSite? Next) d) ? d.Depth : 0);
                worst = depth > worst.Depth ? (depth, c) : worst;
            }

            depths[at] = worst;
        }

        List<CallSite> path = [];
        for (CallSite? deepest = depths[entry].Next; deepest is { } call
            && depths.TryGetValue(call.Target, out (long Depth, CallSite? Next) d); deepest = d.Next)
        {
            path.Add(call);
        }

        return (depths[entry].Depth, path);
    }
}
