from cv_course.cli import main

raise SystemExit(main())
